"""Answers to prompts, whoever gave them."""

from collections.abc import Collection, Iterable
from dataclasses import asdict

from sqlalchemy import Connection, func, select

from rather.records import NOT_ASKED, Completion
from rather.store.database import Database
from rather.store.rows import add_new, chunks, fields
from rather.store.schema import COMPLETIONS, PROMPTS


def add(db: Database, completions: Iterable[Completion]) -> int:
    """Store the completions that are new; return how many.

    Raises DataError where a completion's prompt is not in the store.
    """
    rows = [asdict(completion) for completion in completions]
    return db.write(lambda connection: add_new(connection, COMPLETIONS, rows))


def all(
    db: Database, prompt_ids: Collection[str] | None = None, model: str | None = None
) -> list[Completion]:
    """Every completion (to these prompts, by this model) in the order they came."""
    query = select(COMPLETIONS).order_by(COMPLETIONS.c.seq)
    if model is not None:
        query = query.where(COMPLETIONS.c.model == model)
    queries = [query]
    if prompt_ids is not None:
        queries = [query.where(COMPLETIONS.c.prompt_id.in_(part)) for part in chunks(prompt_ids)]
    with db.read() as connection:
        rows = [row for query in queries for row in connection.execute(query).mappings()]
    rows.sort(key=lambda row: row["seq"])
    return [Completion(**fields(row)) for row in rows]


def after(connection: Connection, seq: int) -> list[Completion]:
    """Those that came after a sequence number."""
    query = select(COMPLETIONS).where(COMPLETIONS.c.seq > seq).order_by(COMPLETIONS.c.seq)
    return [Completion(**fields(row)) for row in connection.execute(query).mappings()]


def get_many(db: Database, ids: Iterable[str]) -> dict[str, Completion]:
    """The completions of these ids by id; unknown ids are simply not in it."""
    found: dict[str, Completion] = {}
    with db.read() as connection:
        for part in chunks(ids):
            query = select(COMPLETIONS).where(COMPLETIONS.c.id.in_(part))
            for row in connection.execute(query).mappings():
                found[row["id"]] = Completion(**fields(row))
    return found


def count(db: Database) -> dict[str, int]:
    """How many completions each model gave, without those of control items, chats and use."""
    query = (
        select(COMPLETIONS.c.model, func.count())
        .join(PROMPTS, PROMPTS.c.id == COMPLETIONS.c.prompt_id)
        .where(PROMPTS.c.source.not_in(sorted(NOT_ASKED)))
        .group_by(COMPLETIONS.c.model)
        .order_by(func.min(COMPLETIONS.c.seq))
    )
    with db.read() as connection:
        return dict(connection.execute(query).all())
