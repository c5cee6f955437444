"""Reading along: what came since the last look, so that a long history is read once."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Table, func, select


class Mark(NamedTuple):
    """How far a table was read."""

    newest: int
    """Its highest sequence number, 0 while it is empty."""
    num_rows: int
    """Where several processes write, a lower number can appear after a higher one."""


def marks(connection: Connection, tables: Sequence[Table]) -> tuple[Mark, ...]:
    """Where each table ends now."""
    found = []
    for table in tables:
        newest, count = connection.execute(select(func.max(table.c.seq), func.count())).one()
        found.append(Mark(newest or 0, count))
    return tuple(found)
