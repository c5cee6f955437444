"""A session is looked up once a second; what this server changes itself counts at once."""

import pytest

from rather.store import logins
from rather.store.database import Database
from rather.web import sessions
from rather.web.sessions import Sessions


@pytest.fixture
def ann(db: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ann's session, looked up for an hour."""
    monkeypatch.setattr(sessions, "SECONDS_TRUSTED", 3600.0)
    session = logins.redeem(db, logins.create_token(db, "ann", 60))
    assert session is not None
    return session


def test_it_is_remembered_until_something_changes(db: Database, ann: str) -> None:
    known = Sessions(db)
    assert known.remembered(ann) is None
    assert known.look_up(ann) == known.remembered(ann)
    logins.revoke(db, ann)
    assert known.remembered(ann) is not None, "another server's change comes later"
    known.forget()
    assert known.remembered(ann) is None
    assert known.look_up(ann) is None


def test_it_is_looked_up_again_after_a_while(
    db: Database, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SECONDS_TRUSTED", 0.0)
    known = Sessions(db)
    assert known.look_up(ann) is not None
    assert known.remembered(ann) is None


def test_what_was_read_while_somebody_changed_it_is_not_kept(
    db: Database, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Sessions(db)
    read = logins.labeller_of

    def read_then_change(db: Database, session: str) -> object:
        found = read(db, session)
        known.forget()
        return found

    monkeypatch.setattr(logins, "labeller_of", read_then_change)
    assert known.look_up(ann) is not None
    assert known.remembered(ann) is None


def test_strangers_are_not_remembered(db: Database, ann: str) -> None:
    known = Sessions(db)
    assert known.look_up("no such session") is None
    assert known.remembered("no such session") is None


def test_memory_is_bounded(db: Database, ann: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_KNOWN", 1)
    known = Sessions(db)
    bob = logins.redeem(db, logins.create_token(db, "bob", 60))
    assert bob is not None
    known.look_up(ann)
    known.look_up(bob)
    assert known.remembered(ann) is None
    assert known.remembered(bob) is not None
