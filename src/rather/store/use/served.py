"""What the API gave: kept for a while, found by the ids of its replies, deleted for good."""

import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, true

from rather.feedback.use.records import KeptAnswer
from rather.records import Message
from rather.store.database import Database
from rather.store.rows import add_new, chunks, fields
from rather.store.use.tables import SERVED


def moment(seconds: float) -> str:
    """Seconds since 1970 as the store writes them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def oldest_kept(num_days: int, now: float | None = None) -> str:
    """The moment before which nothing is kept any more."""
    seconds = time.time() if now is None else now
    return moment(seconds - timedelta(days=num_days).total_seconds())


def add(db: Database, served: Iterable[KeptAnswer]) -> int:
    """Store what is new of it; return how many those were."""
    rows = [asdict(one) for one in served]
    return db.write(lambda connection: add_new(connection, SERVED, rows))


def get_many(db: Database, ids: Iterable[str], since: str) -> dict[str, KeptAnswer]:
    """What was given under these ids and not before that moment; others are simply not in it."""
    found: dict[str, KeptAnswer] = {}
    with db.read() as connection:
        for part in chunks(ids):
            query = select(SERVED).where(SERVED.c.id.in_(part), SERVED.c.created_at >= since)
            found |= {row["id"]: _to_record(row) for row in connection.execute(query).mappings()}
    return found


def count(db: Database, before: str | None = None, client: str | None = None) -> dict[str, int]:
    """How many completions each version gave (before a moment, to one client)."""
    query = (
        select(SERVED.c.model, func.count())
        .where(_those(before, client))
        .group_by(SERVED.c.model)
        .order_by(func.min(SERVED.c.seq))
    )
    with db.read() as connection:
        return dict(connection.execute(query).all())


def purge(db: Database, before: str | None = None, client: str | None = None) -> int:
    """Delete what was given (before a moment, to one client) for good; return how much that was."""
    statement = SERVED.delete().where(_those(before, client))

    def act(connection: Connection) -> int:
        return connection.execute(statement).rowcount

    return db.write(act)


def _those(before: str | None, client: str | None) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = true()
    if before is not None:
        condition &= SERVED.c.created_at < before
    if client is not None:
        condition &= SERVED.c.client == client
    return condition


def _to_record(row: Any) -> KeptAnswer:
    values = fields(row)
    values["messages"] = tuple(Message(**message) for message in values["messages"])
    return KeptAnswer(**values)
