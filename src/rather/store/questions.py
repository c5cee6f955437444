"""The items that were chosen to be asked, each once."""

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Connection, select

from rather.records import Kind, Question
from rather.store.database import Database
from rather.store.rows import add_new, fields
from rather.store.schema import QUESTIONS


def add(db: Database, questions: Iterable[Question]) -> int:
    """Store those whose item was not chosen before, all or none; return how many."""
    rows = [asdict(question) for question in questions]
    return db.write(lambda connection: add_new(connection, QUESTIONS, rows, "item"))


def all(db: Database, kind: Kind | None = None) -> list[Question]:
    """Every question (of one kind), in the order they were chosen."""
    query = select(QUESTIONS).order_by(QUESTIONS.c.seq)
    if kind is not None:
        query = query.where(QUESTIONS.c.kind == kind)
    with db.read() as connection:
        return [Question(**fields(row)) for row in connection.execute(query).mappings()]


def after(connection: Connection, seq: int) -> list[Question]:
    """Those that were chosen after a sequence number."""
    query = select(QUESTIONS).where(QUESTIONS.c.seq > seq).order_by(QUESTIONS.c.seq)
    return [Question(**fields(row)) for row in connection.execute(query).mappings()]
