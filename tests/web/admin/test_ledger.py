"""The history is read once and then followed, whoever wrote it."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, update

from rather.config.labelling import Labelling
from rather.feedback.pair import Pair
from rather.records import Question
from rather.store import judgments, prompts, questions
from rather.store.database import Database
from rather.store.schema import JUDGMENTS
from rather.web.admin.ledger import LOG, Ledger

SECRET = b"secret"


def test_a_judgment_that_cannot_be_read_is_left_out(
    ada: TestClient, team: Any, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(LOG, "warning", lambda text, *values: told.append(text % values))
    broken = team.says("ann", Pair("c0a", "c0b", "A"), "p0")
    team.says("bob", Pair("c0a", "c0b", "A"), "p0")
    change = update(JUDGMENTS).where(JUDGMENTS.c.id == broken.id).values(answer={"choice": "Q"})
    db.write(lambda connection: connection.execute(change) and None)
    assert ada.get("/api/admin/overview").json()["counts"]["judgments"] == 1
    assert any(broken.id in text for text in told)


def test_only_what_is_new_is_read(db: Database, team: Any) -> None:
    ledger = Ledger(db, Labelling(), SECRET)
    first = team.says("ann", Pair("c0a", "c0b", "A"), "p0")
    with ledger.reading():
        assert list(ledger.live) == [first.id]
    asked: list[str] = []
    event.listen(db._engine, "before_cursor_execute", lambda *heard: asked.append(heard[2]))
    with ledger.reading():
        assert not [text for text in asked if "JSON" in text or "judgments.answer" in text]
    second = team.says("bob", Pair("c0a", "c0b", "B"), "p0")
    with ledger.reading():
        assert list(ledger.live) == [first.id, second.id]


def test_a_row_that_appears_late_is_not_missed(db: Database, team: Any) -> None:
    # On PostgreSQL a transaction may take a lower number and commit later.
    ledger = Ledger(db, Labelling(), SECRET)
    first = team.says("ann", Pair("c0a", "c0b", "A"), "p0")
    move = update(JUDGMENTS).where(JUDGMENTS.c.id == first.id).values(seq=5)
    db.write(lambda connection: connection.execute(move) and None)
    with ledger.reading():
        assert list(ledger.live) == [first.id]
    late = team.says("bob", Pair("c0a", "c0b", "B"), "p0")
    move = update(JUDGMENTS).where(JUDGMENTS.c.id == late.id).values(seq=3)
    db.write(lambda connection: connection.execute(move) and None)
    with ledger.reading():
        assert set(ledger.live) == {first.id, late.id}


def test_it_says_what_the_store_says(db: Database, team: Any) -> None:
    ledger = Ledger(db, Labelling(), SECRET)
    last = None
    for choice in ("A", "B", "tie", "A"):
        last = team.says("ann", Pair("c0a", "c0b", choice), "p0", supersedes=last and last.id)
        with ledger.reading():
            assert list(ledger.live.values()) == judgments.live(db)
    assert last is not None
    team.says("ann", Pair("c0a", "c0b", "A"), "p0", supersedes=last.id, is_retraction=True)
    with ledger.reading():
        assert ledger.live == {}
        assert len(ledger.entries["pair:c0a-c0b"].events) == 5


def test_what_can_be_asked_is_what_was_chosen(db: Database, team: Any) -> None:
    ledger = Ledger(db, Labelling(), SECRET)
    with ledger.reading():
        everything = set(ledger.asked)
    assert len(everything) > 1
    questions.add(db, [Question("pair:c0a-c0b", "pair", "p0", True, "2026")])
    with ledger.reading():
        assert ledger.asked == {"pair:c0a-c0b"} < everything
    everyone = Ledger(db, Labelling(only_chosen=False), SECRET)
    with everyone.reading():
        assert everyone.asked == everything


def test_a_withdrawn_prompt_cannot_be_asked(db: Database, team: Any) -> None:
    ledger = Ledger(db, Labelling(), SECRET)
    with ledger.reading():
        everything = set(ledger.asked)
    db.write(lambda connection: prompts.withdraw_in(connection, "p0"))
    with ledger.reading():
        left = set(ledger.asked)
        assert left == {name for name in everything if ledger.entries[name].item.prompt_id != "p0"}
    assert left < everything
    prompts.ask_again(db, "p0")
    with ledger.reading():
        assert ledger.asked == everything
