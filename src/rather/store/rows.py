"""What the modules of nouns share: records in and out of tables, in the order they came."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, func, select

_CHUNK = 1000  # well below the number of parameters any database takes in one statement


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """The distinct values, in lists short enough for one IN (...)."""
    distinct = list(dict.fromkeys(values))
    for start in range(0, len(distinct), _CHUNK):
        yield distinct[start : start + _CHUNK]


def add_new(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], key: str = "id"
) -> int:
    """Insert the rows whose `key` is not there yet, in order; return how many those were."""
    known: set[str] = set()
    for part in chunks(row[key] for row in rows):
        known.update(connection.scalars(select(table.c[key]).where(table.c[key].in_(part))))
    new: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row[key] not in known:
            new.setdefault(row[key], row)
    if new:
        connection.execute(table.insert(), list(new.values()))
    return len(new)


def heads(connection: Connection, tables: Sequence[Table]) -> tuple[int, ...]:
    """The newest sequence number of each table; 0 where it is empty."""
    return tuple(seq or 0 for seq in connection.execute(_heads_of(tuple(tables))).one())


@lru_cache
def _heads_of(tables: tuple[Table, ...]) -> Select[Any]:
    return select(*(select(func.max(table.c.seq)).scalar_subquery() for table in tables))


class Mark(NamedTuple):
    """How far a table was read."""

    newest: int
    """Its highest sequence number, 0 while it is empty."""
    num_rows: int


def marks(connection: Connection, tables: Sequence[Table]) -> tuple[Mark, ...]:
    """Where each table ends now, and how much is in it."""
    found = []
    for table in tables:
        newest, num_rows = connection.execute(select(func.max(table.c.seq), func.count())).one()
        found.append(Mark(newest or 0, num_rows))
    return tuple(found)


def fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row's columns without the sequence number, ready to become a record."""
    return {name: value for name, value in row.items() if name != "seq"}
