"""How well a reward model predicts judgments it has not seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rather.data.judged import Judged
from rather.evaluation.statistics import Interval, mean, wilson
from rather.failpoints import failpoint
from rather.models.roles import RewardEnsemble, RewardModel
from rather.rollout.rollout import score_rows

Outcomes = dict[tuple[int, int, int], list[float]]
"""Of each pair (row, its two completions): 1 for every judgment the scores agree with, ½ or 0."""


@dataclass(frozen=True)
class Accuracy:
    """Share of held-out pairs ordered as the labeller did, beside two rules that read nothing."""

    accuracy: Interval
    """Of all judgments; its n, and so its width, counts a pair once, however many judged it."""
    longer_wins: float
    shorter_wins: float
    by_strength: Mapping[int, Interval]
    """Accuracy by how much better the labeller called the better one: 1 slightly (or it
    was not asked) ... 3 much."""
    score_length_correlation: float
    """Of scores with lengths, both taken around their prompt's mean; nan where nothing varies."""


def held_out_accuracy(
    model: RewardModel | RewardEnsemble, judged: Sequence[Judged], microbatch_tokens: int
) -> Accuracy:
    """Accuracy on all (better, worse) pairs; equal scores or lengths count half."""
    scores = score_rows(model, [one.row for one in judged], microbatch_tokens)
    failpoint("evaluation.scored")
    lengths = [[float(len(c)) for c in one.row.completions] for one in judged]
    right: dict[int, Outcomes] = {}
    longer: list[float] = []
    for row, (one, said, long) in enumerate(zip(judged, scores, lengths, strict=True)):
        for opinion in one.opinions:
            of_strength = right.setdefault(opinion.strength, {})
            for better, worse in opinion.pairs:
                pair = (row, min(better, worse), max(better, worse))
                of_strength.setdefault(pair, []).append(_wins(said[better], said[worse]))
                longer.append(_wins(long[better], long[worse]))
    num_judged = len(longer)
    return Accuracy(
        _interval(list(right.values())),
        longer_wins=sum(longer) / max(1, num_judged),
        shorter_wins=(num_judged - sum(longer)) / max(1, num_judged),
        by_strength={key: _interval([won]) for key, won in sorted(right.items())},
        score_length_correlation=_correlation(_centred(scores), _centred(lengths)),
    )


def _interval(parts: Sequence[Outcomes]) -> Interval:
    """The share of all outcomes, as sure as the number of different pairs makes it.

    Several people's judgments of one pair are nearly one case: a model is right or wrong about it.
    """
    outcomes = [one for part in parts for judgments in part.values() for one in judgments]
    num_pairs = len({pair for part in parts for pair in part})
    return wilson(mean(outcomes) * num_pairs if outcomes else 0.0, num_pairs)


def _centred(groups: Sequence[Sequence[float]]) -> list[float]:
    """Every number less the mean of its group."""
    return [value - mean(group) for group in groups for value in group]


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson's correlation of numbers whose means are 0."""
    spread = math.sqrt(sum(a * a for a in first) * sum(b * b for b in second))
    if spread == 0:
        return math.nan
    return sum(a * b for a, b in zip(first, second, strict=True)) / spread


def _wins(ours: float, theirs: float) -> float:
    return (ours > theirs) + 0.5 * (ours == theirs)
