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


def bring_up_to_date(engine: Engine, path: Path | None, *, may_be_empty: bool) -> None:
    """Run the missing migrations in one transaction, after a backup of what there was.

    `path` is the SQLite file, None elsewhere. An empty database is only filled where it may be
    empty: anywhere else, emptiness means that the data are gone.
    """
    with engine.connect() as connection:
        version = _version(connection)
    if version is None and path is not None:
        _require_new(engine, path, may_be_empty=may_be_empty)
    if version is not None and version > schema.HEAD:
        raise UsageError(
            f"The database {path or engine.url.render_as_string()} has schema version {version} "
            f"and this rather knows versions up to {schema.HEAD}; install a newer rather."
        )
    if version == schema.HEAD:
        return
    if version is not None and path is not None:
        back_up(path, version)
    with engine.connect() as connection:
        connection = connection.execution_options(is_writer=True)
        with connection.begin():
            # Another process may have done it while we waited for the lock.
            if _version(connection) != schema.HEAD:
                _migrate(connection)


def _require_new(engine: Engine, path: Path, *, may_be_empty: bool) -> None:
    if not may_be_empty:
        raise EnvironmentFault(
            f"The database {path} holds no workspace, it is empty or damaged; restore a backup, "
            "or make a new workspace with `rather init`."
        )
    if tables := inspect(engine).get_table_names():
        raise EnvironmentFault(
            f"The database {path} belongs to another program (it has a table {tables[0]}); "
            "choose another folder."
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


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
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
