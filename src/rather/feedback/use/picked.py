""" "I'd rather have this one" of several answers: a pair of two, a ranking of more."""

from collections.abc import Sequence
from typing import Literal

from rather.errors import DataError
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.records import Choice

Pick = int | Literal["tie", "both_bad"]
"""The number of the better answer, from 0; or that none is."""


def picked(completion_ids: Sequence[str], choice: Pick) -> Pair | Ranking:
    """What a choice among two or more completions says: the chosen one before all the others.

    Raises DataError where there is no such answer.
    """
    if len(completion_ids) == 2:
        return Pair(completion_ids[0], completion_ids[1], _of_two(choice))
    if choice == "both_bad":
        raise DataError("Both bad can be said of two answers only.")
    ids = tuple(completion_ids)
    if choice == "tie":
        return Ranking(ids, (1,) * len(ids))
    best = _place(choice, len(ids))
    return Ranking(ids, tuple(1 if place == best else 2 for place in range(len(ids))))


def _of_two(choice: Pick) -> Choice:
    if choice == "tie":
        return "tie"
    if choice == "both_bad":
        return "both_bad"
    return "A" if _place(choice, 2) == 0 else "B"


def _place(choice: Pick, num_answers: int) -> int:
    if not isinstance(choice, int) or not 0 <= choice < num_answers:
        raise DataError("There is no answer of that number.")
    return choice
