"""Events fold to the same standing in whatever order servers hear of them."""

from dataclasses import replace
from itertools import permutations

import pytest

from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.items import item_of
from rather.feedback.pair import Pair
from rather.records import Judgment, Labeller
from rather.web.labelling.ledger import Ledger

ANN = Labeller("ann", "Ann", False)


def said(choice: str, supersedes: Judgment | None = None, day: str = "2026-11-25") -> Judgment:
    about = Circumstances(supersedes=None if supersedes is None else supersedes.id)
    made = new_judgment("p", ANN, Pair("c1", "c2", choice), about)  # type: ignore[arg-type]
    return replace(made, created_at=f"{day}T10:00:00.000000+00:00")


FIRST = said("A")
SECOND = said("B", FIRST)
THIRD = said("tie", SECOND, day="2026-11-26")
ITEM = item_of(FIRST)


@pytest.mark.parametrize("order", list(permutations([FIRST, SECOND, THIRD])))
def test_an_edit_of_an_edit_counts_once(order: tuple[Judgment, ...]) -> None:
    ledger = Ledger(lambda _: None, num_flags=2)
    for event in order:
        ledger.judge(event)
    mine = ledger.labelled["ann"]
    assert ledger.num_judgments == 1
    assert {day: n for day, n in mine.days.items() if n} == {"2026-11-26": 1}
    assert mine.answered == {(ITEM, "work"): {THIRD.id}}
    assert ledger.places[ITEM].judges == {"ann"}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_was_taken_back_counts_no_more(order: tuple[int, ...]) -> None:
    retraction = replace(THIRD, is_retraction=True)
    events = (FIRST, SECOND, retraction)
    ledger = Ledger(lambda _: None, num_flags=2)
    for place in order:
        ledger.judge(events[place])
    mine = ledger.labelled["ann"]
    assert ledger.num_judgments == 0
    assert not any(mine.days.values())
    assert mine.answered == {}
    assert ledger.places[ITEM].judges == set()
