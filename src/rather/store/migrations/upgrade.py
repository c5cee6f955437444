"""Brings a database's schema to the one this code knows; refuses one it does not know yet."""

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from rather.durable import staged_directory
from rather.errors import EnvironmentFault, UsageError
from rather.store import schema


def bring_up_to_date(
    readers: Engine, writer: Engine, where: str, path: Path | None, *, may_be_empty: bool
) -> None:
    """Run the missing migrations in one transaction, after a backup of what there was.

    The writer's transactions begin with the lock, so of several processes one migrates. `path` is
    the SQLite file, None on a server, whose owner makes the backups. An empty database is only
    filled where it may be empty: anywhere else, emptiness means that the data are gone.
    """
    with readers.connect() as connection:
        version = version_of(connection)
        if version is None:
            _require_new(connection, where, may_be_empty=may_be_empty)
    if version is not None and version > schema.HEAD:
        raise UsageError(
            f"The database {where} has schema version {version} "
            f"and this rather knows versions up to {schema.HEAD}; install a newer rather."
        )
    if version == schema.HEAD:
        return
    if version is not None and path is not None:
        back_up(path, version)
    with writer.begin() as connection:
        # Another process may have done it while we waited for the lock.
        if version_of(connection) != schema.HEAD:
            _migrate(connection)


def _require_new(connection: Connection, where: str, *, may_be_empty: bool) -> None:
    if not may_be_empty:
        raise EnvironmentFault(
            f"The database {where} holds no workspace, it is empty or damaged; restore a backup, "
            "make a new workspace with `rather init`, or bring one with `rather db copy`."
        )
    if tables := inspect(connection).get_table_names():
        raise EnvironmentFault(
            f"The database {where} belongs to another program (it has a table {tables[0]}); "
            "choose another one, empty."
        )


def back_up(path: Path, version: str) -> Path:
    """Copy a live SQLite database into a folder beside it, complete or not there at all."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = path.with_name(f"{path.name}.schema-{version}.{stamp}.backup")
    with staged_directory(target) as folder:
        copy = folder / path.name
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with (
            contextlib.closing(sqlite3.connect(path)) as old,
            contextlib.closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
    return target


def version_of(connection: Connection) -> str | None:
    """The schema's version; None where there is no schema of ours."""
    tables = inspect(connection)
    if not tables.has_table("alembic_version") or not tables.has_table(schema.META.name):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection) -> None:
    # Imported here to keep every other start light: most databases are up to date.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, schema.HEAD)
