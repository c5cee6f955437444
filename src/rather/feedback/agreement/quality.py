"""One labeller's work as numbers: control items, repeats, sides, speed."""

from collections.abc import Collection, Iterable
from statistics import median

from rather.feedback.agreement.estimate import Estimate, share
from rather.feedback.agreement.labels import Label
from rather.feedback.pair import Pair

FAST_MILLISECONDS = 2000
"""Nobody reads two answers in less."""


def gold_accuracy(answered: Iterable[tuple[Label, Label]]) -> Estimate:
    """Share of (answer, truth) of control items that are the same."""
    return _same(answered, "no control item was answered")


def consistency(answered: Iterable[tuple[Label, Label]]) -> Estimate:
    """Share of (first answer, answer when asked again) that are the same."""
    return _same(answered, "no item was asked a second time")


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


def _same(answered: Iterable[tuple[Label, Label]], nothing: str) -> Estimate:
    same = [one == other for one, other in answered]
    return share(sum(same), len(same), nothing)
