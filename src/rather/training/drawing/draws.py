"""A step's completions: drawn when they are needed, or by an older policy while others train.

With a staleness of k step n learns from what the policy drew as it was after n − k steps (at first:
as it began), exactly, whatever the timing. So up to k batches are under way while a step trains,
and a checkpoint keeps the weights they are drawn with: broken off, they are drawn again from these.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from rather.models.roles import Policy
from rather.rollout.requests import Request, Sampled, Settings
from rather.rollout.sampler import Flight, Sampler, SharedSampler
from rather.training.ranks import Ranks

Drawn = list[list[Sampled]]


@dataclass
class Draws:
    """Who draws the completions of every step of a run, and of which policy."""

    policy: Policy
    sampler: Sampler
    settings: Settings
    requests_of: Callable[[int], Sequence[Request]]
    """All requests of a step, by its number."""
    num_steps: int
    ranks: Ranks
    staleness: int
    policies: dict[str, Tensor]
    """Of a checkpoint: weights of older policies that are still to be drawn from, by
    `<steps done>/<name>`."""
    _flights: dict[int, Flight] = field(default_factory=dict)
    _expected: int | None = None
    """The step that comes next, unless the run goes back."""

    def age(self, number: int) -> int:
        """Steps by which what step `number` learns from lags behind: never more than k."""
        return number - self._version(number)

    def of_step(self, number: int, mine: Sequence[int], advance: Callable[[int], None]) -> Drawn:
        """The completions of a step, of this rank's requests."""
        requests = self.requests_of(number)
        if not self.staleness:
            return self.now(requests, mine, advance)
        drawn = self.ranks.first(lambda: _told(self._flights.pop(number).result(advance)))
        return _heard(drawn, mine)

    def now(
        self,
        requests: Sequence[Request],
        mine: Sequence[int],
        advance: Callable[[int], None] = lambda tokens: None,
    ) -> Drawn:
        """Completions of the policy as it is, of this rank's among the requests.

        Servers are asked by the first rank alone, for all.
        """
        if not isinstance(self.sampler, SharedSampler):
            own = [requests[place] for place in mine]
            with self.ranks.alone():
                return self.sampler(self.policy, own, self.settings, advance)
        shared = self.sampler
        return _heard(
            self.ranks.first(lambda: _told(shared(self.policy, requests, self.settings, advance))),
            mine,
        )

    def begin(self, number: int, *, is_drawn: bool) -> None:
        """See to it that what this step and the next ones learn from is under way.

        `is_drawn`: this step has its completions already.
        """
        if not self.staleness:
            return
        with self.ranks.alone():
            if number != self._expected:
                self._drop()  # the run begins, or went back: what is under way is of other weights
            self._expected = number + 1
            if self.ranks.is_first:
                self._begin_due(number + is_drawn, number)

    def keep(self, number: int) -> None:
        """Keep the weights of this step's policy, which is about to learn, for later steps; those
        that no later step needs go."""
        if not self.staleness:
            return
        for name in [name for name in self.policies if _steps(name) <= number - self.staleness]:
            del self.policies[name]
        for name, weight in self._weights().items():
            self.policies[f"{number}/{name}"] = weight.detach().cpu().clone()

    def _begin_due(self, first: int, number: int) -> None:
        """Begin what is not under way yet, from step `first` to the last that this policy's
        weights are needed for."""
        assert isinstance(self.sampler, SharedSampler), "only servers draw ahead"
        last = min(number + self.staleness, self.num_steps - 1)
        for due in range(first, last + 1):
            if due not in self._flights:
                with self._as_after(self._version(due), number):
                    self._flights[due] = self.sampler.begin(
                        self.policy, self.requests_of(due), self.settings
                    )

    def _version(self, number: int) -> int:
        """Steps done by the policy that draws what step `number` learns from."""
        return max(0, number - self.staleness)

    def _drop(self) -> None:
        for flight in self._flights.values():
            flight.cancel()
        self._flights.clear()

    def _weights(self) -> dict[str, Tensor]:
        assert self.policy.adapter is not None, "only adapters are handed to servers"
        return dict(self.policy.backbone.adapter_parameters(self.policy.adapter))

    @contextmanager
    def _as_after(self, steps: int, steps_done: int) -> Iterator[None]:
        """For this long the policy has the weights it had after so many steps."""
        prefix = f"{steps}/"
        older = {
            name.removeprefix(prefix): weight
            for name, weight in self.policies.items()
            if name.startswith(prefix)
        }
        if not older:
            assert steps == steps_done, f"nothing is kept of the policy after {steps} steps"
            yield
            return
        assert self.policy.adapter is not None
        now = {name: weight.detach().clone() for name, weight in self._weights().items()}
        self.policy.backbone.load_adapter(self.policy.adapter, older)
        try:
            yield
        finally:
            self.policy.backbone.load_adapter(self.policy.adapter, now)


def _steps(name: str) -> int:
    return int(name.partition("/")[0])


def _told(drawn: Drawn) -> list[list[list[Any]]]:
    """JSON-able."""
    return [[[one.ids, one.logprobs, one.finish_reason] for one in row] for row in drawn]


def _heard(told: list[list[list[Any]]], mine: Sequence[int]) -> Drawn:
    """This rank's part of what the first rank told."""
    return [
        [Sampled(tuple(ids), tuple(logprobs), reason) for ids, logprobs, reason in told[place]]
        for place in mine
    ]
