"""Who judges: people, and simulators declared as such."""

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import select

from rather.records import Labeller
from rather.store.database import Database
from rather.store.rows import add_new, fields
from rather.store.schema import LABELLERS


def add(db: Database, labellers: Iterable[Labeller]) -> int:
    """Store the labellers that are new; return how many."""
    rows = [asdict(labeller) for labeller in labellers]
    return db.write(lambda connection: add_new(connection, LABELLERS, rows))


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
