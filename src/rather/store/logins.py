"""Who may enter: one-time tokens become sessions; only hashes of both are stored."""

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from rather.records import Labeller
from rather.store.database import Database
from rather.store.rows import fields
from rather.store.schema import LABELLERS, LOGIN_TOKENS, SESSIONS

SESSION_SECONDS = 30 * 24 * 3600
"""How long a session lasts; its cookie is kept as long."""
INVITATION_SECONDS = 7 * 24 * 3600
"""How long an invitation's link works."""
NUM_ID_DIGITS = 16


@dataclass(frozen=True)
class Session:
    """A browser that is logged in."""

    id: str
    """The first digits of its hash: they name it and open nothing."""
    created_at: str


@dataclass(frozen=True)
class Link:
    """A one-time token, known only now, and when it dies."""

    token: str
    expires_at: str


def create_token(db: Database, labeller_id: str, ttl_seconds: float) -> str:
    """A new one-time token for that labeller; it dies after `ttl_seconds`.

    Raises DataError where the labeller is unknown.
    """
    link = _new_link(ttl_seconds)
    db.write(lambda connection: _add(connection, labeller_id, link))
    return link.token


def invite(db: Database, labeller: Labeller, ttl_seconds: float = INVITATION_SECONDS) -> Link:
    """Store a new person together with a one-time token for them."""
    link = _new_link(ttl_seconds)

    def act(connection: Connection) -> None:
        connection.execute(LABELLERS.insert().values(asdict(labeller)))
        _add(connection, labeller.id, link)

    db.write(act)
    return link


def invite_again(db: Database, labeller_id: str, ttl_seconds: float = INVITATION_SECONDS) -> Link:
    """A new one-time token in place of the open ones of that labeller."""
    link = _new_link(ttl_seconds)

    def act(connection: Connection) -> None:
        _close_tokens(connection, labeller_id)
        _add(connection, labeller_id, link)

    db.write(act)
    return link


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
    """Whose session that is; None where it is unknown, revoked or too old."""
    query = (
        select(LABELLERS)
        .join(SESSIONS, SESSIONS.c.labeller_id == LABELLERS.c.id)
        .where(SESSIONS.c.hash == _hash(session), _is_open())
    )
    with db.read() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else Labeller(**fields(row))


def session_id(session: str) -> str:
    """The name of a session, from its token."""
    return _hash(session)[:NUM_ID_DIGITS]


def sessions(db: Database) -> dict[str, list[Session]]:
    """The open sessions by labeller, the oldest first."""
    query = select(SESSIONS.c.labeller_id, SESSIONS.c.hash, SESSIONS.c.created_at)
    query = query.where(_is_open()).order_by(SESSIONS.c.created_at, SESSIONS.c.hash)
    found: dict[str, list[Session]] = {}
    with db.read() as connection:
        for labeller_id, hash, created_at in connection.execute(query):
            found.setdefault(labeller_id, []).append(Session(hash[:NUM_ID_DIGITS], created_at))
    return found


def invited(db: Database) -> set[str]:
    """The labellers with a token that nobody has used and that still works."""
    is_usable = LOGIN_TOKENS.c.used_at.is_(None) & (LOGIN_TOKENS.c.expires_at > _now())
    with db.read() as connection:
        return set(connection.scalars(select(LOGIN_TOKENS.c.labeller_id).where(is_usable)))


def revoke(db: Database, session: str) -> None:
    """End a session; an unknown one is ended already."""
    db.write(lambda connection: _end_sessions(connection, SESSIONS.c.hash == _hash(session)))


def revoke_named(db: Database, id: str) -> bool:
    """End the open session of that id; whether there was one."""
    is_it = func.substr(SESSIONS.c.hash, 1, NUM_ID_DIGITS) == id
    return db.write(lambda connection: _end_sessions(connection, is_it)) > 0


def revoke_all(db: Database, labeller_id: str) -> None:
    """End every session of a labeller, and close their open tokens."""

    def act(connection: Connection) -> None:
        _end_sessions(connection, SESSIONS.c.labeller_id == labeller_id)
        _close_tokens(connection, labeller_id)

    db.write(act)


def _is_open() -> ColumnElement[bool]:
    return SESSIONS.c.revoked_at.is_(None) & (SESSIONS.c.created_at > _now(-SESSION_SECONDS))


def _end_sessions(connection: Connection, which: ColumnElement[bool]) -> int:
    is_open = which & SESSIONS.c.revoked_at.is_(None)
    return connection.execute(SESSIONS.update().where(is_open).values(revoked_at=_now())).rowcount


def _new_link(ttl_seconds: float) -> Link:
    return Link(secrets.token_urlsafe(32), _now(ttl_seconds))


def _add(connection: Connection, labeller_id: str, link: Link) -> None:
    values = {"hash": _hash(link.token), "labeller_id": labeller_id, "used_at": None}
    connection.execute(LOGIN_TOKENS.insert().values(**values, expires_at=link.expires_at))


def _close_tokens(connection: Connection, labeller_id: str) -> None:
    is_open = (LOGIN_TOKENS.c.labeller_id == labeller_id) & LOGIN_TOKENS.c.used_at.is_(None)
    connection.execute(LOGIN_TOKENS.update().where(is_open).values(used_at=_now()))


def _hash(token: str) -> str:
    # The replacement keeps odd bytes of a cookie from failing: they match nothing.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _now(later_seconds: float = 0.0) -> str:
    """UTC in a form that sorts as text."""
    moment = datetime.now(UTC) + timedelta(seconds=later_seconds)
    return moment.isoformat(timespec="microseconds")
