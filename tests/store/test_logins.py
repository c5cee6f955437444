"""A token opens one session, once, in time; the database holds only hashes."""

import threading
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
