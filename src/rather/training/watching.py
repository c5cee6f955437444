"""The same few prompts answered again and again while a model learns, for people to look at.

Answers are greedy, so nothing is drawn; weights, gradients and the optimizer are not touched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from rather.data.batch import Row
from rather.failpoints import failpoint
from rather.models.roles import Policy
from rather.records import Glimpse
from rather.rollout.local import sample_policy
from rather.rollout.requests import Request, Settings
from rather.rollout.rollout import Scorer
from rather.rollout.sampler import Sampler
from rather.rollout.tables import sequence_logprobs
from rather.training.cast import Task


@dataclass(frozen=True)
class Watched:
    """Whose answers are looked at, beside what, and how."""

    policy: Policy
    reference: Policy
    microbatch_tokens: int
    max_new_tokens: int
    temperature: float = 1.0
    """Of the log-probabilities; the answers are greedy."""
    scorer: Scorer | None = None
    """The training reward, where the stage has one."""
    sampler: Sampler = sample_policy


@dataclass(frozen=True)
class Watcher:
    """Asks every so many steps, and at the end; the answers go to `record`."""

    watched: Watched
    tasks: Sequence[Task]
    every: int
    stop_ids: tuple[int, ...]
    text: Callable[[tuple[int, ...]], str]
    """Spells a completion's tokens."""
    record: Callable[[int, list[Glimpse]], None]

    def __call__(self, steps_done: int, is_end: bool) -> None:
        """Ask, if it is time."""
        if is_end or steps_done % self.every == 0:
            self.record(steps_done, self.glimpses(steps_done))
            failpoint("glimpses.recorded")

    def glimpses(self, steps_done: int) -> list[Glimpse]:
        """What the policy answers now."""
        policy, of = self.watched.policy, self.watched
        settings = Settings(0.0, of.max_new_tokens, self.stop_ids)
        requests = [Request(task.ids, (0,)) for task in self.tasks]
        answers = of.sampler(policy, requests, settings, lambda tokens: None)
        sampled = [one for (one,) in answers]
        rows = [Row(task.ids, (one.ids,)) for task, one in zip(self.tasks, sampled, strict=True)]
        scores = self._scores(rows)
        apart = self._logprobs(policy, rows) - self._logprobs(of.reference, rows)
        return [
            Glimpse(
                step=steps_done,
                prompt_id=task.prompt.id,
                text=self.text(one.ids),
                num_tokens=len(one.ids),
                finish_reason=one.finish_reason,
                score=score,
                kl=kl,
            )
            for task, one, score, kl in zip(
                self.tasks, sampled, scores, apart.tolist(), strict=True
            )
        ]

    def _scores(self, rows: Sequence[Row]) -> list[float | None]:
        if self.watched.scorer is None:
            return [None] * len(rows)
        return [row[0] for row in self.watched.scorer([t.prompt for t in self.tasks], rows)]

    def _logprobs(self, policy: Policy, rows: Sequence[Row]) -> Tensor:
        temperatures = (self.watched.temperature,)
        budget = self.watched.microbatch_tokens
        return sequence_logprobs(policy, rows, budget, temperatures=temperatures)[0]
