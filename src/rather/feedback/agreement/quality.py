"""One labeller's work as numbers: control items, repeats, sides, speed."""

from collections.abc import Collection, Iterable
from statistics import median

from rather.feedback.agreement.estimate import Estimate, share
from rather.feedback.pair import Pair

FAST_MILLISECONDS = 2000
"""Nobody reads two answers in less."""


def gold_accuracy(right: Iterable[bool]) -> Estimate:
    """Share of the answers to control items that were right."""
    return _true(right, "no control item was answered")


def consistency(same: Iterable[bool]) -> Estimate:
    """Share of the items asked twice that were answered the same."""
    return _true(same, "no item was asked a second time")


def left_picks(answers: Iterable[Pair]) -> Estimate:
    """Share of A or B choices that fell on the left answer (A); without a habit it is one half."""
    decided = [answer.choice == "A" for answer in answers if answer.choice in ("A", "B")]
    return share(sum(decided), len(decided), "no answer was chosen over another")


def median_milliseconds(times: Collection[int]) -> int | None:
    """The middle time to a decision, None where none is known."""
    return round(median(times)) if times else None


def num_fast(times: Iterable[int]) -> int:
    """Judgments given in less time than reading takes."""
    return sum(one < FAST_MILLISECONDS for one in times)


def _true(cases: Iterable[bool], nothing: str) -> Estimate:
    counted = list(cases)
    return share(sum(counted), len(counted), nothing)
