"""Who judges: people, and simulators declared as such."""

import secrets
from collections.abc import Iterable
from dataclasses import asdict
from typing import Literal, NamedTuple

from sqlalchemy import Connection, Table, func, literal, select

from rather.errors import DataError
from rather.records import Labeller
from rather.store.database import Database
from rather.store.rows import add_new, fields
from rather.store.schema import (
    ASSIGNMENTS,
    DRAFTS,
    JUDGMENTS,
    LABELLERS,
    LOGIN_TOKENS,
    META,
    REMARKS,
    SESSIONS,
)
from rather.store.use.tables import REACTIONS, SERVED

OWNER = Labeller("owner", "owner", is_simulated=False, role="admin")
"""Whoever works in the workspace itself: opens the app, talks in the terminal."""
FORGOTTEN = "somebody forgotten"
"""The name of whoever asked to be."""


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


class Forgotten(NamedTuple):
    """What was deleted about a person; what they judged stays, under an id that tells nothing."""

    id: str
    """The id their judgments have now."""
    num_judgments: int
    num_comments: int
    """Of judgments and remarks."""
    num_drafts: int
    num_logins: int
    """Sessions and links."""
    num_served: int
    """Answers they had from the API."""


def forget(db: Database, id: str) -> Forgotten:
    """Delete everything personal about a labeller: name, id, comments, drafts, sessions, links.

    Raises DataError where that would leave nobody who is an admin.
    """
    new = new_id()

    def act(connection: Connection) -> Forgotten:
        _refuse_last_admin(connection, id)
        row = connection.execute(select(LABELLERS).where(LABELLERS.c.id == id)).mappings().one()
        nameless = {"id": new, "name": FORGOTTEN, "role": "labeller", "paused": FORGOTTEN}
        connection.execute(LABELLERS.insert().values({**fields(row), **nameless, "settings": {}}))
        forgotten = Forgotten(
            new,
            num_comments=sum(_empty_comments(connection, id, one) for one in (JUDGMENTS, REMARKS)),
            num_judgments=_hand_over(connection, id, new, JUDGMENTS),
            num_drafts=_delete(connection, id, DRAFTS),
            num_logins=_delete(connection, id, LOGIN_TOKENS) + _delete(connection, id, SESSIONS),
            num_served=connection.execute(SERVED.delete().where(SERVED.c.client == id)).rowcount,
        )
        for table in (REMARKS, ASSIGNMENTS):
            _hand_over(connection, id, new, table)
        given = REACTIONS.update().where(REACTIONS.c.client == id)
        connection.execute(given.values(client=new))
        _rename_keys(connection, id, new)
        connection.execute(META.delete().where(META.c.name.endswith(id, autoescape=True)))
        connection.execute(LABELLERS.delete().where(LABELLERS.c.id == id))
        return forgotten

    return db.write(act)


def _empty_comments(connection: Connection, id: str, table: Table) -> int:
    said = (table.c.labeller_id == id) & (table.c.comment != "")
    return connection.execute(table.update().where(said).values(comment="")).rowcount


def _hand_over(connection: Connection, id: str, new: str, table: Table) -> int:
    where = table.update().where(table.c.labeller_id == id)
    return connection.execute(where.values(labeller_id=new)).rowcount


def _delete(connection: Connection, id: str, table: Table) -> int:
    return connection.execute(table.delete().where(table.c.labeller_id == id)).rowcount


def _rename_keys(connection: Connection, id: str, new: str) -> None:
    """Idempotency keys begin with whose they are; they stay unique under the new id."""
    for table in (JUDGMENTS, REMARKS, REACTIONS):
        key = table.c.idempotency_key
        is_own = key.startswith(f"{id}:", autoescape=True)
        renamed = literal(new).concat(func.substr(key, len(id) + 1))
        connection.execute(table.update().where(is_own).values(idempotency_key=renamed))


def _refuse_last_admin(connection: Connection, id: str) -> None:
    is_other_admin = (
        (LABELLERS.c.role == "admin") & ~LABELLERS.c.is_simulated & (LABELLERS.c.id != id)
    )
    query = select(func.count()).select_from(LABELLERS).where(is_other_admin)
    is_admin = select(LABELLERS.c.role).where(LABELLERS.c.id == id)
    if connection.scalar(is_admin) == "admin" and connection.scalar(query) == 0:
        raise DataError("This is the last admin; make somebody else an admin first.")
