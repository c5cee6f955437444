"""Who was shown what, in which order, and until when it is theirs."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, bindparam, select

from rather.records import Assignment, Purpose
from rather.store.database import Database
from rather.store.rows import chunks, fields
from rather.store.schema import ASSIGNMENTS, LABELLERS


def all(db: Database) -> list[Assignment]:
    """Every assignment in the order they were made."""
    with db.read() as connection:
        rows = connection.execute(select(ASSIGNMENTS).order_by(ASSIGNMENTS.c.seq)).mappings()
        return [to_record(row) for row in rows]


def after(connection: Connection, seq: int) -> list[Assignment]:
    """Those made after a sequence number; renewals make none."""
    return [to_record(row) for row in connection.execute(_AFTER, {"after": seq}).mappings()]


def holders(connection: Connection, items: Iterable[str], now: str) -> dict[str, dict[str, str]]:
    """Whose leases on these items have not expired: {item: {labeller: expires_at}}."""
    found: dict[str, dict[str, str]] = {}
    columns = (ASSIGNMENTS.c.item, ASSIGNMENTS.c.labeller_id, ASSIGNMENTS.c.expires_at)
    for part in chunks(items):
        query = select(*columns).where(
            ASSIGNMENTS.c.item.in_(part),
            ASSIGNMENTS.c.purpose == "work",
            ASSIGNMENTS.c.expires_at > now,
        )
        for item, labeller_id, expires_at in connection.execute(query):
            found.setdefault(item, {})[labeller_id] = expires_at
    return found


def get(db: Database, labeller_id: str, item: str, purpose: Purpose) -> Assignment | None:
    """The assignment of that item to that labeller, None where it was never made."""
    with db.read() as connection:
        return find(connection, labeller_id, item, purpose)


def find(
    connection: Connection, labeller_id: str, item: str, purpose: Purpose
) -> Assignment | None:
    """`get`, inside a transaction."""
    query = select(ASSIGNMENTS).where(
        ASSIGNMENTS.c.labeller_id == labeller_id,
        ASSIGNMENTS.c.item == item,
        ASSIGNMENTS.c.purpose == purpose,
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else to_record(row)


def add(connection: Connection, assignment: Assignment) -> None:
    """Keep a new one, inside the transaction that decided it."""
    values = asdict(assignment) | {"completion_ids": list(assignment.completion_ids)}
    connection.execute(ASSIGNMENTS.insert(), values)


def renew(
    connection: Connection, labeller_id: str, item: str, purpose: Purpose, expires_at: str
) -> None:
    """Keep an item for its labeller until a later moment."""
    values = {"who": labeller_id, "what": item, "why": purpose, "until": expires_at}
    connection.execute(_RENEW, values)


def pause(connection: Connection, labeller_id: str, reason: str) -> None:
    """Assign this labeller nothing more, until somebody empties the reason."""
    is_it = LABELLERS.c.id == labeller_id
    connection.execute(LABELLERS.update().where(is_it).values(paused=reason))


def to_record(row: Mapping[Any, Any]) -> Assignment:
    """The assignment in a row."""
    known = fields(row)
    return Assignment(**known | {"completion_ids": tuple(known["completion_ids"])})


# Made once: putting a query together costs as much as running it, and these run at every click.
_AFTER = (
    select(ASSIGNMENTS).where(ASSIGNMENTS.c.seq > bindparam("after")).order_by(ASSIGNMENTS.c.seq)
)
_RENEW = (
    ASSIGNMENTS.update()
    .where(
        ASSIGNMENTS.c.labeller_id == bindparam("who"),
        ASSIGNMENTS.c.item == bindparam("what"),
        ASSIGNMENTS.c.purpose == bindparam("why"),
    )
    .values(expires_at=bindparam("until"))
)
