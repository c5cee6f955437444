"""A whole database into an empty one, SQLite or PostgreSQL either way: every row, id and number.

One snapshot is read, one transaction written; it is committed after what was written was read back
and found to be the same.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, inspect, select, text

from rather.config.address import is_address
from rather.errors import EnvironmentFault, UsageError
from rather.progress import Progress
from rather.store.database import Database
from rather.store.migrations.upgrade import version_of
from rather.store.schema import METADATA

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Copied:
    """A table as it arrived."""

    table: str
    num_rows: int
    digest: str
    """SHA-256 of its rows in order, the same for both databases."""


def count_rows(source: Database) -> dict[str, int]:
    """How many rows each table holds, in the order they are copied in."""
    with source.read() as rows:
        return _counts(rows)


def refuse_occupied(where: str) -> None:
    """UsageError where that database holds a workspace or another program's tables.

    Looks only; a file that is not there is free.
    """
    if not is_address(where) and not Path(where).exists():
        return
    target = Database.connect(where, create=True)
    try:
        with target.read() as rows:
            tables = inspect(rows).get_table_names()
            is_ours = version_of(rows) is not None
            kept = sum(_counts(rows).values()) if is_ours and _has_all(tables) else len(tables)
    finally:
        target.close()
    if kept:
        what = f"a workspace already ({kept} rows)" if is_ours else f"a table {tables[0]}"
        raise UsageError(
            f"{target.where} holds {what}: nothing is copied over it; name an empty database, or "
            "a file that is not there."
        )


def copy_database(source: Database, where: str, progress: Progress) -> list[Copied]:
    """Copy all of `source` into the empty database `where`; return what arrived, by table.

    Raises UsageError where the target is not empty, EnvironmentFault where what arrived differs.
    """
    refuse_occupied(where)
    is_new_file = not is_address(where) and not Path(where).exists()
    try:
        with Database.open(where, create=True) as target:
            return _copy(source, target, progress)
    except BaseException:
        if is_new_file:  # with its tables but no rows it would pass for a workspace
            for ending in ("", "-wal", "-shm"):
                Path(where + ending).unlink(missing_ok=True)
        raise


def _copy(source: Database, target: Database, progress: Progress) -> list[Copied]:
    with target.transaction() as into, source.read() as rows:
        # Again, now that nobody else can write: two copies may have begun together.
        if sum(_counts(into).values()):
            raise UsageError(f"{target.where} was filled meanwhile; nothing was copied.")
        total = 2 * sum(_counts(rows).values())
        with progress.track("copying and comparing", total, "rows") as task:
            return [
                _copy_table(table, rows, into, task.advance) for table in METADATA.sorted_tables
            ]


def _copy_table(
    table: Table, rows: Connection, into: Connection, advance: Callable[[int], None]
) -> Copied:
    sent, num_rows = hashlib.sha256(), 0
    for part in _parts(rows, table):
        into.execute(table.insert(), part)
        _add(sent, part)
        num_rows += len(part)
        advance(len(part))
    arrived, num_arrived = hashlib.sha256(), 0
    for part in _parts(into, table):
        _add(arrived, part)
        num_arrived += len(part)
        advance(len(part))
    if (num_rows, sent.digest()) != (num_arrived, arrived.digest()):
        raise EnvironmentFault(
            f"The table {table.name} did not arrive as it was ({num_rows} rows sent, {num_arrived} "
            "arrived): nothing was copied; check both databases with `rather doctor`."
        )
    if into.dialect.name == "postgresql" and "seq" in table.c and num_rows:
        _go_on_after(into, table)
    return Copied(table.name, num_rows, arrived.hexdigest())


def _parts(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    query = select(table).order_by(*table.primary_key.columns)
    options = {"yield_per": _ROWS_AT_ONCE}
    with connection.execute(query, execution_options=options) as result:
        for part in result.mappings().partitions():
            yield [dict(row) for row in part]


def _add(digest: Any, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        digest.update(json.dumps(list(row.values()), ensure_ascii=True).encode() + b"\n")


def _go_on_after(connection: Connection, table: Table) -> None:
    """Let the sequence draw the number after the last one copied."""
    last = connection.scalar(select(func.max(table.c.seq)))
    statement = text("SELECT setval(pg_get_serial_sequence(:name, 'seq'), :last)")
    connection.execute(statement, {"name": table.name, "last": last})


def _counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in METADATA.sorted_tables
    }


def _has_all(tables: list[str]) -> bool:
    return {table.name for table in METADATA.sorted_tables} <= set(tables)
