"""How well a reward model predicts judgments it has not seen, and on which of them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rather.data.judged import Judged
from rather.evaluation.statistics import Interval, mean, wilson
from rather.failpoints import failpoint
from rather.models.roles import RewardEnsemble, RewardModel
from rather.rollout.tables import score_rows

Scores = Sequence[Sequence[float]]
"""One score a completion, row by row."""
Key = Callable[["Case"], Iterable[str]]
"""The groups that a case belongs to, by name."""


class Case(NamedTuple):
    """One judgment that one of two answers is better, beside what the model says of them."""

    pair: tuple[int, int, int]
    """The row, and the places of its two completions in rising order."""
    margin: float
    """The model's score of the better one less the worse one's."""
    lengths: tuple[int, int]
    """Tokens of the better and of the worse one."""
    is_first: bool
    """Whether the better one has the lower place."""
    strength: int
    judgment_id: str

    @property
    def places(self) -> tuple[int, int]:
        """The better completion's place in its row, and the worse one's."""
        _, low, high = self.pair
        return (low, high) if self.is_first else (high, low)

    @property
    def outcome(self) -> float:
        """1 where the model agrees, ½ where it scores both alike, 0 where it does not."""
        return _wins(self.margin, 0.0)

    @property
    def longer_wins(self) -> float:
        """The same of the rule that the longer answer is better."""
        return _wins(*self.lengths)


class Share(NamedTuple):
    """How often the model agrees, beside two rules that read nothing."""

    accuracy: Interval
    """Of all judgments; its n, and so its width, counts a pair once, however many judged it."""
    longer_wins: float
    shorter_wins: float


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
    model: RewardModel | RewardEnsemble,
    judged: Sequence[Judged],
    microbatch_tokens: int,
    advance: Callable[[int], None] = lambda rows_done: None,
) -> Accuracy:
    """Accuracy on all (better, worse) pairs; equal scores or lengths count half."""
    scores = score_rows(model, [one.row for one in judged], microbatch_tokens, advance)
    failpoint("evaluation.scored")
    return accuracy_of(judged, scores)


def accuracy_of(judged: Sequence[Judged], scores: Scores) -> Accuracy:
    """The same from scores already at hand, of whatever gave them."""
    cases = cases_of(judged, scores)
    lengths = [[float(len(c)) for c in one.row.completions] for one in judged]
    overall = share(cases)
    strengths = sorted({case.strength for case in cases})
    return Accuracy(
        overall.accuracy,
        overall.longer_wins,
        overall.shorter_wins,
        by_strength={
            one: share([case for case in cases if case.strength == one]).accuracy
            for one in strengths
        },
        score_length_correlation=_correlation(_centred(scores), _centred(lengths)),
    )


def cases_of(judged: Sequence[Judged], scores: Scores) -> list[Case]:
    """Every decided pair of every judgment; ties decide nothing and are none."""
    return [
        Case(
            pair=(row, min(better, worse), max(better, worse)),
            margin=said[better] - said[worse],
            lengths=(len(one.row.completions[better]), len(one.row.completions[worse])),
            is_first=better < worse,
            strength=opinion.strength,
            judgment_id=opinion.judgment_id,
        )
        for row, (one, said) in enumerate(zip(judged, scores, strict=True))
        for opinion in one.opinions
        for better, worse in opinion.pairs
    ]


def share(cases: Sequence[Case]) -> Share:
    """The share of all judgments, as sure as the number of different pairs makes it.

    Several people's judgments of one pair are nearly one case: a model is right or wrong about it.
    """
    num_pairs = len({case.pair for case in cases})
    right = mean([case.outcome for case in cases])
    if not cases:
        return Share(wilson(0.0, 0), 0.0, 0.0)
    return Share(
        wilson(right * num_pairs, num_pairs),
        longer_wins=mean([case.longer_wins for case in cases]),
        shorter_wins=mean([1 - case.longer_wins for case in cases]),
    )


def shares_by(cases: Sequence[Case], key: Key) -> dict[str, Share]:
    """The share of each group that `key` puts cases into, in the order they are met."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        for name in key(case):
            groups.setdefault(name, []).append(case)
    return {name: share(group) for name, group in groups.items()}


def agreement_levels(cases: Sequence[Case]) -> Key:
    """How the people who judged a case's pair agree about it: a key for `shares_by`."""
    votes: dict[tuple[int, int, int], list[bool]] = {}
    for case in cases:
        votes.setdefault(case.pair, []).append(case.is_first)
    return lambda case: (_level(votes[case.pair]),)


def length_gaps(case: Case) -> tuple[str, str]:
    """How far the two answers' lengths differ, and which way: a key for `shares_by`."""
    better, worse = case.lengths
    gap = abs(better - worse) / max(better, worse, 1)
    size = "up to 10 %" if gap <= 0.1 else "10 to 50 %" if gap <= 0.5 else "over 50 %"
    way = "better is longer" if better > worse else "better is shorter"
    return (f"lengths differ by {size}", way if better != worse else "equally long")


def widest_disagreements(cases: Sequence[Case], number: int) -> list[Case]:
    """The pairs that the model orders the other way by the widest margins, each once."""
    found: dict[tuple[int, int, int], Case] = {}
    for case in sorted(cases, key=lambda one: one.margin):
        if case.margin < 0:
            found.setdefault(case.pair, case)
    return list(found.values())[:number]


@dataclass(frozen=True)
class Spread:
    """How far the members of an ensemble differ, and whether that tells where they are wrong."""

    mean_std: float
    """Mean over completions of the members' (biased) standard deviation."""
    agreeing: Interval
    """Accuracy of their mean on the half of the pairs whose margins differ least."""
    differing: Interval
    """The same of the other half."""


def spread_of(judged: Sequence[Judged], columns: Sequence[Scores]) -> Spread | None:
    """The spread of several members' scores; None of a single one, or without pairs."""
    if len(columns) < 2:
        return None
    members = [cases_of(judged, scores) for scores in columns]
    stds = [
        _std(values) for rows in zip(*columns, strict=True) for values in zip(*rows, strict=True)
    ]
    together = [
        (
            _std([case.margin for case in same]),
            same[0]._replace(margin=mean([c.margin for c in same])),
        )
        for same in zip(*members, strict=True)
    ]
    if not together:
        return None
    ordered = [case for _, case in sorted(together, key=lambda one: one[0])]
    half = len(ordered) // 2
    return Spread(mean(stds), share(ordered[:half]).accuracy, share(ordered[half:]).accuracy)


def mean_scores(columns: Sequence[Scores]) -> list[list[float]]:
    """The members' mean score of every completion."""
    return [
        [mean(values) for values in zip(*rows, strict=True)] for rows in zip(*columns, strict=True)
    ]


def _level(votes: Sequence[bool]) -> str:
    if len(votes) == 1:
        return "one judgment"
    most = max(sum(votes), len(votes) - sum(votes))
    if most == len(votes):
        return "all agree"
    return "most agree" if 2 * most > len(votes) else "evenly split"


def _centred(groups: Scores) -> list[float]:
    """Every number less the mean of its group."""
    return [value - mean(group) for group in groups for value in group]


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson's correlation of numbers whose means are 0."""
    spread = math.sqrt(sum(a * a for a in first) * sum(b * b for b in second))
    if spread == 0:
        return math.nan
    return sum(a * b for a, b in zip(first, second, strict=True)) / spread


def _std(values: Sequence[float]) -> float:
    centre = mean(values)
    return math.sqrt(mean([(value - centre) ** 2 for value in values]))


def _wins(ours: float, theirs: float) -> float:
    return (ours > theirs) + 0.5 * (ours == theirs)
