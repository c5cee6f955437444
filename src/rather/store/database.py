"""One workspace's database: opened, read in snapshots, written by one thread.

The only place that knows which database it is; everything else speaks SQLAlchemy Core.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from rather.errors import EnvironmentFault
from rather.store.faults import explained, in_words
from rather.store.migrations.upgrade import bring_up_to_date
from rather.store.writer import Writer

T = TypeVar("T")

_BUSY_MILLISECONDS = 10_000
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"}


class Database:
    """The store's handle, shared by all threads of a process."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine = engine
        self.where = where
        """Path or address, for messages; never a password."""
        self._writer: Writer | None = None
        self._starting = threading.Lock()

    @classmethod
    def open(cls, where: str | Path, *, create: bool = False) -> Self:
        """Open the database at a path or URL and bring its schema up to date.

        Raises EnvironmentFault where it is missing (unless `create`), damaged or on a network
        file system, UsageError where it comes from a newer version of rather.
        """
        if "://" in str(where):
            engine = create_engine(str(where), json_serializer=_json)
            database = cls(engine, make_url(str(where)).render_as_string(hide_password=True))
            path = None
        else:
            path = Path(where)
            _require_file(path, create=create)
            database = cls(_sqlite_engine(path), str(path))
        try:
            with in_words(database.where):
                bring_up_to_date(database._engine, path, may_be_empty=create)
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent snapshot."""
        with in_words(self.where), self._engine.connect() as connection:
            yield connection

    def write(self, action: Callable[[Connection], T]) -> T:
        """Run `action` in a transaction and return its value once it is on disk.

        What `action` raises is raised here and undoes only this write.
        """
        with self._starting:
            if self._writer is None:
                self._writer = Writer(self._engine, lambda error: explained(error, self.where))
            writer = self._writer
        return cast(T, writer.write(action))

    def check(self) -> list[str]:
        """What an integrity check finds wrong; empty when the database is sound."""
        if self._engine.dialect.name != "sqlite":
            return []
        with self.read() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [] if list(found) == ["ok"] else [str(line) for line in found]

    def close(self) -> None:
        """Finish waiting writes and let the file go."""
        with self._starting:
            if self._writer is not None:
                self._writer.stop()
                self._writer = None
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _require_file(path: Path, *, create: bool) -> None:
    if path.exists():
        _refuse_network_filesystem(path)
        if not create and path.stat().st_size == 0:
            # Looked at before SQLite is, which would write a header into it.
            raise EnvironmentFault(
                f"The database {path} is empty or damaged; restore a backup, or make a new "
                "workspace with `rather init`."
            )
        return
    if not create:
        raise EnvironmentFault(
            f"There is no database at {path}; make a workspace with `rather init`, or name "
            "the folder of an existing one."
        )
    try:
        # Made by us, not by SQLite, so that nobody else can read it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass  # another process made it between the look and the leap
    except OSError as error:
        raise EnvironmentFault(
            f"The database {path} cannot be made ({error.strerror}); check the folder."
        ) from error
    _refuse_network_filesystem(path)


def _refuse_network_filesystem(path: Path) -> None:
    """WAL needs memory shared between processes, which network file systems do not give."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    folder = path.resolve().parent
    best, kind = -1, ""
    for line in mounts.read_text(errors="replace").splitlines():
        _, point, filesystem, *_ = line.split(" ")
        if folder.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), filesystem
    if kind in _NETWORK_FILESYSTEMS:
        raise EnvironmentFault(
            f"The database {path} lies on a network file system ({kind}), where SQLite loses "
            "data; move the workspace to a local disk."
        )


def _sqlite_engine(path: Path) -> Engine:
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, json_serializer=_json, pool_size=16, max_overflow=16)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, so DDL is in it too
        for pragma in (
            f"busy_timeout={_BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred BEGIN that turns to writing fails at once where another writes: the busy
        # timeout only helps those who say so at the start.
        is_writer = connection.get_execution_options().get("is_writer", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine
