"""One workspace's database: opened, read in snapshots, written by one thread.

The only place that knows which database it is; everything else speaks SQLAlchemy Core.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar, cast

from sqlalchemy import Connection, Engine, make_url

from rather.config.address import is_address, masked
from rather.store.engines import postgresql, sqlite
from rather.store.engines.faults import explained, in_words
from rather.store.engines.writer import Writer
from rather.store.migrations.upgrade import bring_up_to_date

T = TypeVar("T")


class Database:
    """The store's handle, shared by all threads of a process."""

    def __init__(self, readers: Engine, writer: Engine, where: str, path: Path | None) -> None:
        self._engine = readers
        # Apart from the readers' connections: a writer that waits for one of theirs, which wait
        # for it, would wait for ever.
        self._write_engine = writer
        self.where = where
        """Path or address, for messages; never a password."""
        self.path = path
        """SQLite's file; None on a server."""
        self._writer: Writer | None = None
        self._starting = threading.Lock()

    @classmethod
    def open(cls, where: str | Path, *, create: bool = False) -> Self:
        """Open the database at a path or URL and bring its schema up to date.

        Raises EnvironmentFault where it is missing (unless `create`), damaged, out of reach or on a
        network file system, UsageError where it comes from a newer version of rather.
        """
        database = cls.connect(where, create=create)
        try:
            with in_words(database.where):
                bring_up_to_date(
                    database._engine,
                    database._write_engine,
                    database.where,
                    database.path,
                    may_be_empty=create,
                )
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def connect(cls, where: str | Path, *, create: bool = False) -> Self:
        """A handle on the database as it is, whatever schema it has, without touching it."""
        if not is_address(str(where)):
            path = Path(where)
        elif str(where).startswith("sqlite"):
            path = Path(make_url(str(where)).database or "")
        else:
            url = postgresql.address(str(where))
            readers = postgresql.make_engine(url, is_writer=False)
            writer = postgresql.make_engine(url, is_writer=True)
            return cls(readers, writer, masked(str(where)), None)
        sqlite.require_file(path, create=create)
        readers, writer = (sqlite.make_engine(path, is_writer=is_one) for is_one in (False, True))
        return cls(readers, writer, str(path), path)

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
                self._writer = Writer(
                    self._write_engine, lambda error: explained(error, self.where)
                )
            writer = self._writer
        return cast(T, writer.write(action))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A long transaction of this thread, which keeps all writers out until the block ends.

        Nobody sees any of it before; an exception undoes it all.
        """
        with in_words(self.where), self._write_engine.begin() as connection:
            yield connection

    def check(self) -> list[str]:
        """What an integrity check finds wrong; empty when the database is sound."""
        room = sqlite if self.path is not None else postgresql
        with self.read() as connection:
            return room.wrong_with(connection)

    def scrub(self) -> bool:
        """Let nothing that was deleted stay in the database's files; False where somebody who is
        reading keeps some of it until later."""
        room = sqlite if self.path is not None else postgresql
        with in_words(self.where):
            return room.scrub(self._write_engine)

    def close(self) -> None:
        """Finish waiting writes and let the database go."""
        with self._starting:
            if self._writer is not None:
                self._writer.stop()
                self._writer = None
        self._engine.dispose()
        self._write_engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
