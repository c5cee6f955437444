"""What speaks for asking a question: the reward model's doubt, and how far the policy has moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from rather.config.stages import Choosing
from rather.data.batch import Row
from rather.data.tokens import Codec
from rather.equations.acquisition import closeness, disagreement, percentile, win_probabilities
from rather.feedback.assignment import Item
from rather.models.library import Library
from rather.models.roles import RewardModel
from rather.progress import Progress
from rather.records import Completion, Prompt
from rather.rollout.tables import MEASURED_TOGETHER, score_rows, sequence_logprobs
from rather.stages import examples
from rather.stages.examples import LeftOut


@dataclass(frozen=True)
class Askers:
    """Who is asked what they think of the answers."""

    library: Library
    reward: str
    policy: str
    """The newest policy; its answers are compared with base's."""
    progress: Progress


@dataclass(frozen=True)
class Doubt:
    """What speaks for each of N items, in its own unit, [N] each."""

    disagreement: Tensor
    closeness: Tensor
    drift: Tensor

    def value(self, section: Choosing) -> list[float]:
        """All of it as one number an item: the weighted sum of percentiles."""
        if not len(self.drift):
            return []
        return (
            section.disagreement * percentile(self.disagreement)
            + section.closeness * percentile(self.closeness)
            + section.drift * percentile(self.drift)
        ).tolist()

    def reasons(self, place: int) -> dict[str, float]:
        """What spoke for one item."""
        return {
            "disagreement": round(float(self.disagreement[place]), 6),
            "closeness": round(float(self.closeness[place]), 6),
            "drift": round(float(self.drift[place]), 6),
        }


def doubt_about(
    items: Sequence[Item],
    asked: Mapping[str, Prompt],
    answers: Mapping[str, Completion],
    askers: Askers,
    left_out: LeftOut,
) -> tuple[list[Item], Doubt]:
    """The items that the models can hold, and what speaks for each; others are counted."""
    library, codec = askers.library, askers.library.codec(askers.reward)
    shown = _rows(items, asked, answers, codec, left_out)
    fitting = [item for item in items if item.prompt_id in shown]
    if not fitting:
        nothing = torch.zeros(0)
        return [], Doubt(nothing, nothing, nothing)
    members = library.reward_members(askers.reward)
    scores = [_scores(member, shown, askers.progress) for member in members]
    moved = _drift(shown, asked, answers, askers)
    drift = [[moved[id] for id in item.completion_ids] for item in fitting]
    means = torch.tensor([sum(one) / len(one) for one in drift])
    return fitting, Doubt(*_of_rewards(fitting, scores), means)


Shown = dict[str, tuple[tuple[str, ...], Row]]
"""By prompt: the ids of its answers, and the row of their tokens in that order."""


def _rows(
    items: Sequence[Item],
    asked: Mapping[str, Prompt],
    answers: Mapping[str, Completion],
    codec: Codec,
    left_out: LeftOut,
) -> Shown:
    ids_of: dict[str, dict[str, None]] = {}
    for item in items:
        ids_of.setdefault(item.prompt_id, {}).update(dict.fromkeys(item.completion_ids))
    shown: Shown = {}
    for prompt_id, ids in ids_of.items():
        texts = tuple((answers[id].text, answers[id].finish_reason == "length") for id in ids)
        row = examples.encode(codec, asked[prompt_id], texts, left_out, prompt_id)
        if row is not None:
            shown[prompt_id] = tuple(ids), row
    return shown


def _scores(model: RewardModel, shown: Shown, progress: Progress) -> dict[str, float]:
    """One member's score of every answer, by id."""
    with progress.track("doubt", len(shown), "prompts") as task:
        rows = [row for _, row in shown.values()]
        found = score_rows(model, rows, MEASURED_TOGETHER, task.advance)
    return {
        id: score
        for (ids, _), scores in zip(shown.values(), found, strict=True)
        for id, score in zip(ids, scores, strict=True)
    }


def _of_rewards(
    items: Sequence[Item], scores: Sequence[Mapping[str, float]]
) -> tuple[Tensor, Tensor]:
    """Disagreement and closeness of every item; of a ranking the mean over its pairs."""
    apart, near = [], []
    for item in items:
        pairs = list(combinations(item.completion_ids, 2))
        first, second = (
            torch.tensor([[one[pair[side]] for pair in pairs] for one in scores]) for side in (0, 1)
        )
        probabilities = win_probabilities(first, second)
        apart.append(disagreement(probabilities).mean())
        near.append(closeness(probabilities).mean())
    return torch.stack(apart), torch.stack(near)


def _drift(
    shown: Shown, asked: Mapping[str, Prompt], answers: Mapping[str, Completion], askers: Askers
) -> dict[str, float]:
    """How much likelier the newest policy is to give each answer than base, in nats a token.

    0 where they are the same, and of what the policy's tokens cannot spell.
    """
    ids = [id for ids, _ in shown.values() for id in ids]
    drift = dict.fromkeys(ids, 0.0)
    library, codec = askers.library, askers.library.codec(askers.policy)
    if askers.policy == "base":
        return drift
    if codec.fingerprint == library.codec(askers.reward).fingerprint:
        own = shown
    else:
        items = [Item("", "pair", prompt_id, ids) for prompt_id, (ids, _) in shown.items()]
        own = _rows(items, asked, answers, codec, LeftOut())
    rows = [row for _, row in own.values()]
    with askers.progress.track("drift", 2 * len(rows), "prompts") as task:
        new, old = (
            sequence_logprobs(library.policy(name), rows, MEASURED_TOGETHER, advance=task.advance)
            for name in (askers.policy, "base")
        )
    lengths = [len(completion) for row in rows for completion in row.completions]
    moved = ((new - old)[0] / torch.tensor(lengths)).tolist()
    spelt = [id for ids, _ in own.values() for id in ids]
    return drift | dict(zip(spelt, moved, strict=True))
