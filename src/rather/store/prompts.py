"""What models are asked: stored once, split by prompt."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, func, select

from rather.records import NOT_ASKED, TALK_SOURCES, WITHDRAWN, Message, Prompt, Split
from rather.store import meta
from rather.store.database import Database
from rather.store.rows import add_new, chunks, fields
from rather.store.schema import META, PROMPTS

_FORMER = "source of the withdrawn prompt: "
"""Before a prompt's id, the name in `meta` of the source it had."""


def add(db: Database, prompts: Iterable[Prompt]) -> int:
    """Store the prompts that are new; return how many. A known id keeps its split.

    One that was met in the playground or in use only, and now comes from elsewhere, is asked from
    now on.
    """
    given = list(prompts)
    return db.write(lambda connection: add_in(connection, given))


def add_in(connection: Connection, prompts: Iterable[Prompt]) -> int:
    """`add`, inside a transaction."""
    rows = [asdict(prompt) for prompt in prompts]
    sources = {row["id"]: row["source"] for row in rows if row["source"] not in NOT_ASKED}
    for part in chunks(sources):
        met = PROMPTS.c.id.in_(part) & PROMPTS.c.source.in_(sorted(TALK_SOURCES))
        for id in connection.scalars(select(PROMPTS.c.id).where(met)).all():
            where = PROMPTS.update().where(PROMPTS.c.id == id)
            connection.execute(where.values(source=sources[id]))
    number = add_new(connection, PROMPTS, rows)
    _keep_withdrawn(connection, [row["id"] for row in rows if row["source"] == WITHDRAWN])
    return number


def all(db: Database, split: Split | None = None) -> list[Prompt]:
    """Every prompt (of one split) in the order they came."""
    query = select(PROMPTS).order_by(PROMPTS.c.seq)
    if split is not None:
        query = query.where(PROMPTS.c.split == split)
    with db.read() as connection:
        return [to_record(row) for row in connection.execute(query).mappings()]


def after(connection: Connection, seq: int) -> list[Prompt]:
    """Those that came after a sequence number."""
    query = select(PROMPTS).where(PROMPTS.c.seq > seq).order_by(PROMPTS.c.seq)
    return [to_record(row) for row in connection.execute(query).mappings()]


def get(db: Database, id: str) -> Prompt | None:
    """The prompt of that id, None where there is none."""
    with db.read() as connection:
        return get_in(connection, id)


def get_in(connection: Connection, id: str) -> Prompt | None:
    """`get`, inside a transaction."""
    row = connection.execute(select(PROMPTS).where(PROMPTS.c.id == id)).mappings().first()
    return None if row is None else to_record(row)


def withdraw_in(connection: Connection, id: str) -> None:
    """Let nobody be asked a prompt any more, inside a transaction; it may be so already."""
    found = get_in(connection, id)
    if found is not None and found.source != WITHDRAWN:
        meta.put_in(connection, _FORMER + id, found.source)
        _set_source(connection, id, WITHDRAWN)


def ask_again(db: Database, id: str) -> bool:
    """Let a withdrawn prompt be asked as before; False where it was not withdrawn."""

    def act(connection: Connection) -> bool:
        former = withdrawn(connection).get(id)
        if former is None:
            return False
        _set_source(connection, id, former)
        connection.execute(META.delete().where(META.c.name == _FORMER + id))
        return True

    return db.write(act)


def withdrawn(connection: Connection) -> dict[str, str]:
    """The ids of the prompts that are withdrawn, with the sources they had."""
    return meta.beginning(connection, _FORMER)


def count(db: Database) -> dict[str, int]:
    """How many prompts each split has, without those that models are not asked."""
    is_asked = PROMPTS.c.source.not_in(sorted(NOT_ASKED))
    query = select(PROMPTS.c.split, func.count()).where(is_asked).group_by(PROMPTS.c.split)
    with db.read() as connection:
        counted: dict[str, int] = dict(connection.execute(query).all())
    return {"train": 0, "heldout": 0} | counted


def _keep_withdrawn(connection: Connection, ids: Iterable[str]) -> None:
    """Note of prompts that came as withdrawn ones, by an export, that they are: from nowhere."""
    for id in ids:
        found = get_in(connection, id)
        if found is not None and found.source == WITHDRAWN and id not in withdrawn(connection):
            meta.put_in(connection, _FORMER + id, "")


def _set_source(connection: Connection, id: str, source: str) -> None:
    connection.execute(PROMPTS.update().where(PROMPTS.c.id == id).values(source=source))


def to_record(row: Mapping[Any, Any]) -> Prompt:
    """The prompt in a row."""
    values = fields(row)
    values["messages"] = tuple(Message(**message) for message in values["messages"])
    values["tags"] = tuple(values["tags"])
    return Prompt(**values)
