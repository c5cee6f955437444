"""Who judges: people, and simulators declared as such."""

import secrets
from collections.abc import Iterable
from dataclasses import asdict
from typing import Literal

from sqlalchemy import Connection, func, select

from rather.errors import DataError
from rather.records import Labeller
from rather.store.database import Database
from rather.store.rows import add_new, fields
from rather.store.schema import LABELLERS


def add(db: Database, labellers: Iterable[Labeller]) -> int:
    """Store the labellers that are new; return how many."""
    rows = [asdict(labeller) for labeller in labellers]
    return db.write(lambda connection: add_new(connection, LABELLERS, rows))


def new_id() -> str:
    """A fresh id for somebody who is invited; it tells nothing about them."""
    return f"u_{secrets.token_hex(10)}"


def get(db: Database, id: str) -> Labeller | None:
    """The labeller of that id, None where there is none."""
    with db.read() as connection:
        row = connection.execute(select(LABELLERS).where(LABELLERS.c.id == id)).mappings().first()
    return None if row is None else Labeller(**fields(row))


def all(db: Database) -> list[Labeller]:
    """Every labeller in the order they came."""
    with db.read() as connection:
        rows = connection.execute(select(LABELLERS).order_by(LABELLERS.c.seq)).mappings()
        return [Labeller(**fields(row)) for row in rows]


def change(
    db: Database,
    id: str,
    *,
    role: Literal["admin", "labeller"] | None = None,
    paused: str | None = None,
) -> None:
    """Give a person another role, pause them for a reason or (empty) let them go on.

    Raises DataError where that would leave nobody who is an admin.
    """
    values = {"role": role, "paused": paused}
    values = {name: value for name, value in values.items() if value is not None}

    def act(connection: Connection) -> None:
        if role == "labeller":
            _refuse_last_admin(connection, id)
        if values:
            connection.execute(LABELLERS.update().where(LABELLERS.c.id == id).values(**values))

    db.write(act)


def _refuse_last_admin(connection: Connection, id: str) -> None:
    is_other_admin = (
        (LABELLERS.c.role == "admin") & ~LABELLERS.c.is_simulated & (LABELLERS.c.id != id)
    )
    query = select(func.count()).select_from(LABELLERS).where(is_other_admin)
    if connection.scalar(query) == 0:
        raise DataError("This is the last admin; make somebody else an admin first.")
