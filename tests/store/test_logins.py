"""A token opens one session, once, in time; the database holds only hashes."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rather.errors import DataError
from rather.records import Labeller
from rather.store import labellers, logins
from rather.store.database import Database


def test_a_token_becomes_a_session_once(ready: Database) -> None:
    token = logins.create_token(ready, "ann", ttl_seconds=60)
    session = logins.redeem(ready, token)
    assert session is not None
    labeller = logins.labeller_of(ready, session)
    assert labeller is not None and labeller.id == "ann"
    assert logins.redeem(ready, token) is None


@pytest.mark.parametrize("token", ["", "nonsense", "a\x00b", "\udcff"])
def test_an_unknown_token_opens_nothing(ready: Database, token: str) -> None:
    assert logins.redeem(ready, token) is None
    assert logins.labeller_of(ready, token) is None


def test_an_old_token_opens_nothing(ready: Database) -> None:
    assert logins.redeem(ready, logins.create_token(ready, "ann", ttl_seconds=-1)) is None


def test_a_revoked_session_is_nobodys(ready: Database) -> None:
    session = logins.redeem(ready, logins.create_token(ready, "ann", ttl_seconds=60))
    assert session is not None
    logins.revoke(ready, session)
    assert logins.labeller_of(ready, session) is None


def test_a_token_for_nobody_is_refused(ready: Database) -> None:
    with pytest.raises(DataError):
        logins.create_token(ready, "nobody", ttl_seconds=60)


def test_many_at_once_get_one_session(ready: Database) -> None:
    token = logins.create_token(ready, "ann", ttl_seconds=60)
    sessions: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: sessions.append(logins.redeem(ready, token)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sessions) == 20
    assert len([session for session in sessions if session is not None]) == 1


def test_neither_token_nor_session_is_on_disk(tmp_path: Path) -> None:
    with Database.open(tmp_path / "rather.db", create=True) as db:
        labellers.add(db, [Labeller("ann", "Ann", False)])
        token = logins.create_token(db, "ann", ttl_seconds=60)
        session = logins.redeem(db, token)
        assert session is not None
        content = b"".join(file.read_bytes() for file in tmp_path.glob("rather.db*"))
    assert b"Ann" in content
    assert token.encode() not in content
    assert session.encode() not in content


def test_an_invitation_brings_a_person_and_a_link(ready: Database) -> None:
    link = logins.invite(ready, Labeller("new", "New", False), ttl_seconds=60)
    assert logins.invited(ready) == {"new"}
    session = logins.redeem(ready, link.token)
    assert session is not None
    assert logins.labeller_of(ready, session) == Labeller("new", "New", False)
    assert logins.invited(ready) == set()


def test_an_old_link_is_no_open_invitation(ready: Database) -> None:
    logins.create_token(ready, "ann", ttl_seconds=-1)
    assert logins.invited(ready) == set()


def test_a_new_link_closes_the_ones_before(ready: Database) -> None:
    first = logins.create_token(ready, "ann", ttl_seconds=60)
    second = logins.invite_again(ready, "ann", ttl_seconds=60)
    assert logins.redeem(ready, first) is None
    assert logins.redeem(ready, second.token) is not None


def new_session(db: Database, labeller_id: str) -> str:
    session = logins.redeem(db, logins.create_token(db, labeller_id, ttl_seconds=60))
    assert session is not None
    return session


def test_sessions_are_named_and_ended_by_name(ready: Database) -> None:
    first, second = new_session(ready, "ann"), new_session(ready, "ann")
    named = [one.id for one in logins.sessions(ready)["ann"]]
    assert sorted(named) == sorted(map(logins.session_id, (first, second)))
    assert logins.revoke_named(ready, logins.session_id(first)) is True
    assert logins.revoke_named(ready, logins.session_id(first)) is False
    assert logins.labeller_of(ready, first) is None
    assert logins.labeller_of(ready, second) is not None


@pytest.mark.parametrize("id", ["", "%", "_" * 16, "0" * 15, "0" * 64])
def test_what_names_no_session_ends_none(ready: Database, id: str) -> None:
    session = new_session(ready, "ann")
    assert logins.revoke_named(ready, id) is False
    assert logins.labeller_of(ready, session) is not None


def test_all_of_one_labeller_end(ready: Database) -> None:
    sessions = [new_session(ready, "ann") for _ in range(2)]
    other = new_session(ready, "sim")
    link = logins.create_token(ready, "ann", ttl_seconds=60)
    logins.revoke_all(ready, "ann")
    assert [logins.labeller_of(ready, one) for one in sessions] == [None, None]
    assert logins.redeem(ready, link) is None
    assert logins.sessions(ready).keys() == {"sim"}
    assert logins.labeller_of(ready, other) is not None


def test_a_session_ends_after_thirty_days(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    session = new_session(ready, "ann")
    later = logins._now(30 * 24 * 3600 - 60)
    monkeypatch.setattr(logins, "_now", lambda more=0.0: moved(later, more))
    assert logins.labeller_of(ready, session) is not None
    later = logins._now(120)
    assert logins.labeller_of(ready, session) is None
    assert logins.sessions(ready) == {}


def moved(moment: str, seconds: float) -> str:
    found = datetime.fromisoformat(moment) + timedelta(seconds=seconds)
    return found.isoformat(timespec="microseconds")
