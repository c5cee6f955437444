"""Who was shown what, in which order, and until when it is theirs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from rather.records import Assignment, Purpose
from rather.store.database import Database
from rather.store.rows import fields
from rather.store.schema import ASSIGNMENTS


def all(db: Database) -> list[Assignment]:
    """Every assignment in the order they were made."""
    with db.read() as connection:
        rows = connection.execute(select(ASSIGNMENTS).order_by(ASSIGNMENTS.c.seq)).mappings()
        return [_record(row) for row in rows]


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
    return None if row is None else _record(row)


def add(connection: Connection, assignment: Assignment) -> None:
    """Keep a new one, inside the transaction that decided it."""
    values = asdict(assignment) | {"completion_ids": list(assignment.completion_ids)}
    connection.execute(ASSIGNMENTS.insert().values(values))


def renew(
    connection: Connection, labeller_id: str, item: str, purpose: Purpose, expires_at: str
) -> None:
    """Keep an item for its labeller until a later moment."""
    is_it = (
        (ASSIGNMENTS.c.labeller_id == labeller_id)
        & (ASSIGNMENTS.c.item == item)
        & (ASSIGNMENTS.c.purpose == purpose)
    )
    connection.execute(ASSIGNMENTS.update().where(is_it).values(expires_at=expires_at))


def _record(row: Mapping[Any, Any]) -> Assignment:
    known = fields(row)
    return Assignment(**known | {"completion_ids": tuple(known["completion_ids"])})
