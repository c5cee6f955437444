"""A blind contest of two models before people: how it stands, and whether to go on."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rather.equations.intervals import Interval, wilson
from rather.equations.length_control import length_controlled
from rather.equations.sequential import ENOUGH, evidence, still_needed
from rather.evaluation.statistics import mean
from rather.feedback.pair import Pair

CLOSE = 0.05
"""An interval within this of one half says that the two are about equal."""


@dataclass(frozen=True)
class Met:
    """The two answers to one prompt, and what people said of them."""

    first: str
    """Completion id of the model that the win rate is about."""
    second: str
    num_tokens: tuple[int, int]
    is_identical: bool
    """Both wrote the same: a tie that nobody is asked about."""
    answers: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Standing:
    """How a contest stands."""

    win_rate: Interval
    """Of the first model; a pair counts once, the mean of what its judges said."""
    length_controlled: Interval
    num_pairs: int
    num_identical: int
    num_judged: int
    """Pairs that somebody judged."""
    num_judgments: int
    num_ties: int
    num_both_bad: int
    evidence: float
    """Of wins and losses against a fair coin; 20 is enough, however often one looks."""
    suggestion: str
    is_enough: bool


def standing(pairs: Sequence[Met], names: tuple[str, str]) -> Standing:
    """Win rate, evidence, and what to do next; a tie or two bad answers are half a win."""
    known = [one for one in pairs if one.answers or one.is_identical]
    outcomes = [_outcome(one) for one in known]
    said = Counter(answer.choice for one in pairs for answer in one.answers)
    judged = [(one, won) for one, won in zip(known, outcomes, strict=True) if one.answers]
    wins = sum(won > 0.5 for _, won in judged)
    losses = sum(won < 0.5 for _, won in judged)
    rate = wilson(sum(outcomes), len(outcomes))
    num_open = len(pairs) - len(known)
    suggestion, is_enough = suggest(rate, (wins, losses), num_open, names)
    return Standing(
        win_rate=rate,
        length_controlled=length_controlled(
            outcomes, [float(one.num_tokens[0] - one.num_tokens[1]) for one in known]
        ),
        num_pairs=len(pairs),
        num_identical=sum(one.is_identical for one in pairs),
        num_judged=len(judged),
        num_judgments=said.total(),
        num_ties=said["tie"],
        num_both_bad=said["both_bad"],
        evidence=evidence(wins, losses),
        suggestion=suggestion,
        is_enough=is_enough,
    )


def suggest(
    rate: Interval, decided: tuple[int, int], num_open: int, names: tuple[str, str]
) -> tuple[str, bool]:
    """Whether to go on asking, in a sentence, and whether it is enough."""
    wins, losses = decided
    found = evidence(wins, losses)
    if found >= ENOUGH:
        better = names[0] if wins > losses else names[1]
        return (
            f"Enough: people prefer {better} (evidence {_to_one(found)}, where {ENOUGH:.0f} to 1 "
            "is enough however often one looks).",
            True,
        )
    if rate.n and rate.low >= 0.5 - CLOSE and rate.high <= 0.5 + CLOSE:
        return f"Enough: the two are equal to within {CLOSE:.0%}.", True
    more = still_needed(wins, losses)
    if not num_open:
        return "Not shown, and no pair is open: import more held-out prompts to learn more.", False
    left = "1 pair is open" if num_open == 1 else f"{num_open} pairs are open"
    if more is None:
        return f"Go on: nothing is shown yet; {left}.", False
    return f"Go on: about {more} more judgments like these would show it; {left}.", False


def left_share(pairs: Sequence[Met]) -> Interval:
    """How often the left answer was chosen of two: one half, where the sides make no difference."""
    chosen = [
        answer.choice for one in pairs for answer in one.answers if answer.choice in ("A", "B")
    ]
    return wilson(sum(choice == "A" for choice in chosen), len(chosen))


def _outcome(one: Met) -> float:
    if one.is_identical:
        return 0.5
    return mean([_won(answer, one.first) for answer in one.answers])


def _won(answer: Pair, ours: str) -> float:
    if answer.choice not in ("A", "B"):
        return 0.5
    chosen = answer.left_completion_id if answer.choice == "A" else answer.right_completion_id
    return float(chosen == ours)


def _to_one(value: float) -> str:
    return f"{value:.0f} to 1" if value < 1e4 else f"10^{math.floor(math.log10(value))} to 1"
