"""Who may enter: one-time tokens become sessions; only hashes of both are stored."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from rather.records import Labeller
from rather.store.database import Database
from rather.store.rows import fields
from rather.store.schema import LABELLERS, LOGIN_TOKENS, SESSIONS


def create_token(db: Database, labeller_id: str, ttl_seconds: float) -> str:
    """A new one-time token for that labeller; it dies after `ttl_seconds`.

    Raises DataError where the labeller is unknown.
    """
    token = secrets.token_urlsafe(32)
    values = {
        "hash": _hash(token),
        "labeller_id": labeller_id,
        "expires_at": _now(ttl_seconds),
        "used_at": None,
    }
    db.write(lambda connection: connection.execute(LOGIN_TOKENS.insert().values(values)) and None)
    return token


def redeem(db: Database, token: str) -> str | None:
    """Turn a token into a session token, once; None where it is unknown, used or too old."""
    session = secrets.token_urlsafe(32)

    def act(connection: Connection) -> str | None:
        now = _now()
        is_usable = (
            (LOGIN_TOKENS.c.hash == _hash(token))
            & LOGIN_TOKENS.c.used_at.is_(None)
            & (LOGIN_TOKENS.c.expires_at > now)
        )
        labeller_id = connection.scalar(select(LOGIN_TOKENS.c.labeller_id).where(is_usable))
        taken = connection.execute(LOGIN_TOKENS.update().where(is_usable).values(used_at=now))
        if labeller_id is None or taken.rowcount != 1:
            return None
        row = {"hash": _hash(session), "labeller_id": labeller_id, "created_at": now}
        connection.execute(SESSIONS.insert().values(row))
        return session

    return db.write(act)


def labeller_of(db: Database, session: str) -> Labeller | None:
    """Whose session that is; None where it is unknown or revoked."""
    query = (
        select(LABELLERS)
        .join(SESSIONS, SESSIONS.c.labeller_id == LABELLERS.c.id)
        .where(SESSIONS.c.hash == _hash(session), SESSIONS.c.revoked_at.is_(None))
    )
    with db.read() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else Labeller(**fields(row))


def revoke(db: Database, session: str) -> None:
    """End a session; an unknown one is ended already."""

    def act(connection: Connection) -> None:
        is_open = (SESSIONS.c.hash == _hash(session)) & SESSIONS.c.revoked_at.is_(None)
        connection.execute(SESSIONS.update().where(is_open).values(revoked_at=_now()))

    db.write(act)


def _hash(token: str) -> str:
    # The replacement keeps odd bytes of a cookie from failing: they match nothing.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _now(later_seconds: float = 0.0) -> str:
    """UTC in a form that sorts as text."""
    moment = datetime.now(UTC) + timedelta(seconds=later_seconds)
    return moment.isoformat(timespec="microseconds")
