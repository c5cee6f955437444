"""Judgments are events: nothing is changed, nothing counts twice."""

from dataclasses import replace

import pytest

from rather.errors import DataError
from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.pair import Pair
from rather.feedback.thumb import Thumb
from rather.records import Judgment, Labeller
from rather.store import judgments, labellers
from rather.store.database import Database

ANN, CEM = Labeller("ann", "Ann", False), Labeller("cem", "Cem", False)
FIRST = Judgment(
    "01A",
    "pair",
    "p1",
    "ann",
    {"left_completion_id": "c2", "right_completion_id": "c1", "choice": "A"},
    "2026-11-21T10:00:00.000000+00:00",
    "key-1",
    False,
    guidelines_hash="abc",
    ms_to_decision=1200,
)


def later(id: str, **changes: object) -> Judgment:
    return replace(FIRST, id=id, idempotency_key=f"key-{id}", **changes)  # type: ignore[arg-type]


def test_a_judgment_comes_back_as_it_was(ready: Database) -> None:
    assert judgments.record(ready, FIRST) == (FIRST, False)
    assert judgments.all(ready) == [FIRST]


def test_a_known_key_is_a_replay_of_the_stored_one(ready: Database) -> None:
    judgments.record(ready, FIRST)
    again = replace(FIRST, id="01Z", answer={**FIRST.answer, "choice": "B"})
    assert judgments.record(ready, again) == (FIRST, True)
    assert judgments.record_many(ready, [again, later("02")]) == 1
    assert [one.id for one in judgments.all(ready)] == ["01A", "02"]


def test_superseded_and_retracted_ones_do_not_count(ready: Database) -> None:
    edit = later("02", supersedes="01A")
    other = later("03", kind="thumb", labeller_id="sim", is_simulated=True)
    judgments.record_many(ready, [FIRST, edit, other])
    assert judgments.live(ready) == [edit, other]
    judgments.record(ready, later("04", supersedes="02", is_retraction=True))
    assert judgments.live(ready) == [other]
    assert judgments.live(ready, kind="pair") == []
    assert judgments.live(ready, labeller_id="sim") == [other]
    assert len(judgments.all(ready)) == 4


def test_an_event_is_superseded_once(ready: Database) -> None:
    judgments.record_many(ready, [FIRST, later("02", supersedes="01A")])
    with pytest.raises(DataError, match="01A was already superseded by 02"):
        judgments.record(ready, later("03", supersedes="01A"))


@pytest.mark.parametrize("field", ["prompt_id", "labeller_id", "supersedes"])
def test_what_is_named_must_be_there(ready: Database, field: str) -> None:
    with pytest.raises(DataError, match=r"(?i)FOREIGN KEY"):
        judgments.record(ready, later("02", **{field: "nothing"}))
    assert judgments.all(ready) == []


def test_counts_keep_people_and_simulators_apart(ready: Database) -> None:
    simulated = [later(f"s{i}", labeller_id="sim", is_simulated=True) for i in range(2)]
    judgments.record_many(ready, [FIRST, *simulated])
    assert judgments.count(ready) == {
        "pair": {"people": 1, "simulated": 2},
        "ranking": {"people": 0, "simulated": 0},
        "demonstration": {"people": 0, "simulated": 0},
        "correction": {"people": 0, "simulated": 0},
        "thumb": {"people": 0, "simulated": 0},
    }


def settled(answer: Pair | Thumb, by: Labeller, key: str) -> Judgment:
    return new_judgment("p1", by, answer, Circumstances(source="resolution", idempotency_key=key))


def test_the_later_supersedes_the_former_of_its_item(ready: Database) -> None:
    labellers.add(ready, [CEM])
    said = judgments.record(ready, new_judgment("p1", ANN, Pair("a", "b", "A")))[0]
    first, _ = judgments.settle(ready, settled(Pair("a", "b", "A"), ANN, "one"))
    other, _ = judgments.settle(ready, settled(Pair("a", "c", "A"), ANN, "two"))
    thumb, _ = judgments.settle(ready, settled(Thumb("a", True), ANN, "three"))
    assert [one.supersedes for one in (first, other, thumb)] == [None, None, None]
    second, _ = judgments.settle(ready, settled(Pair("b", "a", "A"), CEM, "four"))
    third, _ = judgments.settle(ready, settled(Pair("a", "b", "tie"), ANN, "five"))
    assert (second.supersedes, third.supersedes) == (first.id, second.id)
    assert judgments.live(ready) == [said, other, thumb, third]


def test_the_same_key_settles_once(ready: Database) -> None:
    first = judgments.settle(ready, settled(Pair("a", "b", "A"), ANN, "one"))
    again = judgments.settle(ready, settled(Pair("a", "b", "A"), ANN, "one"))
    assert (first[1], again) == (False, (first[0], True))
    assert len(judgments.all(ready)) == 1


def test_checks_of_labellers_are_not_counted(ready: Database) -> None:
    for number, source in enumerate(("gold", "gold_check", "repeat", "resolution")):
        judgments.record(ready, later(f"x{number}", source=source))
    assert judgments.count(ready)["pair"] == {"people": 1, "simulated": 0}


def test_new_events_are_those_after_a_number(ready: Database) -> None:
    judgments.record_many(ready, [FIRST, later("02"), later("03")])
    with ready.read() as connection:
        assert [one.id for one in judgments.after(connection, 1)] == ["02", "03"]
        assert judgments.after(connection, 3) == []


def test_what_counts_of_one_labeller_about_one_prompt(ready: Database) -> None:
    other = later("04", prompt_id="p2")
    judgments.record_many(ready, [FIRST, later("02", supersedes="01A"), later("03"), other])
    with ready.read() as connection:
        found = judgments.live_about(connection, "p1", "ann")
        assert [one.id for one in found] == ["02", "03"]
        assert judgments.live_about(connection, "p1", "sim") == []
        assert judgments.successor(connection, "01A") == "02"
        assert judgments.successor(connection, "02") is None


def test_the_newest_of_a_labeller_page_by_page(ready: Database) -> None:
    many = [later(f"{n:02}") for n in range(5)]
    judgments.record_many(ready, [*many, later("99", source="import")])
    judgments.record(ready, later("05", supersedes="04", is_retraction=True))
    with ready.read() as connection:
        first = judgments.newest(connection, "ann", {"label"}, 2)
        assert [one.id for one in first] == ["03", "02"]
        rest = judgments.newest(connection, "ann", {"label"}, 9, before="02")
        assert [one.id for one in rest] == ["01", "00"]


def test_what_counted_until_a_number(ready: Database) -> None:
    first, second, third = later("01A"), later("01B"), later("01C")
    judgments.record_many(ready, [first, second, third])  # numbers 1, 2, 3
    edit = later("01D", supersedes="01B")
    judgments.record(ready, edit)  # 4
    assert judgments.live_until(ready, 2) == [first, second]
    assert judgments.live_until(ready, 3) == [first, second, third]
    assert judgments.live_until(ready, 4) == judgments.live(ready) == [first, third, edit]
    assert judgments.live_until(ready, 0) == []


def test_what_was_withdrawn_later_does_not_count_earlier(ready: Database) -> None:
    first, second = later("01A"), later("01B", prompt_id="p2")
    edit = later("01C", supersedes="01A")
    judgments.record_many(ready, [first, second])
    judgments.record(ready, edit)
    assert judgments.retract(ready, prompt_id="p1") == [edit]
    # the edit came after 2, and its withdrawal takes the edited one along
    assert judgments.live_until(ready, 2) == judgments.live(ready) == [second]
    last = judgments.all(ready)[-1]
    assert (last.supersedes, last.is_retraction) == ("01C", True)
    assert judgments.retract(ready, prompt_id="p1") == []
    assert judgments.retract(ready, labeller_id="cem") == []
    assert judgments.retract(ready, labeller_id="ann", prompt_id="p2") == [second]
    assert judgments.live(ready) == []
    assert len(judgments.all(ready)) == 5
    assert judgments.all(ready, labeller_id="cem") == []
