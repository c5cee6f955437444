"""SQLite: one file beside the models, in WAL mode, every commit synced to disk."""

import os
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event

from rather.errors import EnvironmentFault
from rather.store.engines.json_text import to_json

_BUSY_MILLISECONDS = 10_000
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"}


def require_file(path: Path, *, create: bool) -> None:
    """Make the file where it may be made; EnvironmentFault where it is missing or unfit."""
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
            "data; move the workspace to a local disk, or its data to PostgreSQL (docs/teams.md)."
        )


def make_engine(path: Path, *, is_writer: bool) -> Engine:
    """An engine that reads snapshots, or the writer's, whose transactions begin with the lock."""
    url = URL.create("sqlite", database=str(path))
    size = (
        {"pool_size": 1, "max_overflow": 0} if is_writer else {"pool_size": 16, "max_overflow": 16}
    )
    engine = create_engine(url, json_serializer=to_json, **size)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, so DDL is in it too
        for pragma in (
            f"busy_timeout={_BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",  # what is deleted is overwritten, not only let go
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred BEGIN that turns to writing fails at once where another writes: the busy
        # timeout only helps those who say so at the start.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine


def scrub(engine: Engine) -> bool:
    """Empty the write-ahead log, which has what was deleted; False where a reader holds it."""
    connection = engine.raw_connection()
    try:
        is_busy, *_ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy
    finally:
        connection.close()


def wrong_with(connection: Connection) -> list[str]:
    """What SQLite's own integrity check finds."""
    found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    return [] if list(found) == ["ok"] else [str(line) for line in found]
