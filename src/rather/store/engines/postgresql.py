"""PostgreSQL: writers of every process one after another, so that seq order is commit order."""

import re
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from rather.config.address import masked
from rather.errors import EnvironmentFault, UsageError
from rather.store.engines.json_text import to_json

WRITER_LOCK = int.from_bytes(b"rather", "big")
"""The advisory lock every writing transaction holds from its first statement to its commit."""
LOCK_SECONDS = 10
"""As long as SQLite's busy timeout."""

# A process takes 32 of the 100 connections a server has by default, so a second one finds room;
# more threads than that wait for a connection, as long as a person waits for a page.
_READERS = {"pool_size": 16, "max_overflow": 15, "pool_timeout": 60, "pool_use_lifo": True}
_WRITER = {"pool_size": 1, "max_overflow": 0}
_SECONDS_TO_CONNECT = 10
_NETWORK = {  # a machine that vanished is noticed, instead of waited for
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Never weaker than "the commit is on disk", whatever the role or the server says; remote_apply is
# stronger.
_DURABLE_COMMIT = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') <> 'remote_apply'"
)
_NEVER_HOLD_THE_LOCK = "SET idle_in_transaction_session_timeout = '60s'"
"""A writer that is stopped or cut off in the middle lets the others go on after this."""


def address(where: str) -> URL:
    """Read an address; UsageError, without the secrets in it, where it is none of PostgreSQL's."""
    try:
        url = make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", where))
    except (ArgumentError, ValueError):  # of a port that is no number
        raise UsageError(_unreadable(where)) from None
    if url.drivername != "postgresql+psycopg":
        raise UsageError(
            f"The database {masked(where)} is neither a file nor PostgreSQL's: write "
            "postgresql+psycopg://user@host/name."
        )
    if "@" in (url.host or ""):  # the rest of a password, which errors would show
        raise UsageError(_unreadable(where))
    return url


def _unreadable(where: str) -> str:
    return (
        f"The database's address {masked(where)} cannot be read: write "
        "postgresql+psycopg://user@host:5432/name, with @ : / ? # % in a password as %40 %3A %2F "
        "%3F %23 %25."
    )


def make_engine(url: URL, *, is_writer: bool) -> Engine:
    """An engine that reads snapshots, or the writer's, whose transactions begin with the lock."""
    _require_driver()
    engine = create_engine(
        url,
        json_serializer=to_json,
        pool_pre_ping=True,  # after a restart of the server the next request works again
        connect_args={"connect_timeout": _SECONDS_TO_CONNECT, **_NETWORK, **_options(url)},
        **(_WRITER if is_writer else _READERS),
    )
    event.listen(engine, "connect", _set_up_writer if is_writer else _set_up_reader)
    if is_writer:
        event.listen(engine, "begin", _take_lock)
    return engine


def _options(url: URL) -> dict[str, Any]:
    """What the address itself says comes before our defaults."""
    return {"application_name": "rather", **url.query}


def _require_driver() -> None:
    try:
        import psycopg  # noqa: F401 (an extra: most people never need it)
    except ImportError as error:
        raise EnvironmentFault(
            f"A PostgreSQL database needs the package psycopg ({error}): run "
            "`pip install 'rather[postgres]'`."
        ) from None


def _set_up(connection: Any, *statements: str) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise EnvironmentFault(
            f"The database {connection.info.dbname} keeps texts as {encoding}, which cannot hold "
            "every language; make one with ENCODING 'UTF8' (docs/teams.md says how)."
        )
    connection.autocommit = True  # else a rollback would undo the settings
    # No limit on the time of a statement: reading a large database may honestly take minutes.
    limit = f"SET lock_timeout = '{LOCK_SECONDS}s'"
    for statement in (limit, _DURABLE_COMMIT, *statements):
        connection.execute(statement)
    connection.autocommit = False


def _set_up_reader(connection: Any, _: object) -> None:
    from psycopg import IsolationLevel  # only here: see _require_driver

    _set_up(connection)
    # One snapshot a transaction, as SQLite reads.
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def _set_up_writer(connection: Any, _: object) -> None:
    _set_up(connection, _NEVER_HOLD_THE_LOCK)


def _take_lock(connection: Connection) -> None:
    # Numbers are drawn from a sequence before the commit. Were two writers at it at once, a row
    # could appear below one that readers have seen, and they would miss it. Released by the server
    # after the commit is visible, or when the process dies.
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def scrub(engine: Engine) -> bool:
    """Give the room of deleted rows back, so that it is written over."""
    connection = engine.raw_connection()
    driver: Any = connection.driver_connection
    try:
        driver.autocommit = True  # VACUUM runs in no transaction
        driver.execute("VACUUM served, reactions, drafts, sessions, login_tokens")
        driver.autocommit = False
        return True
    finally:
        connection.close()


_MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")
_INVALID = (
    "SELECT 'the index ' || indexrelid::regclass FROM pg_index"
    " JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace"
    " UNION ALL SELECT 'the constraint ' || conname FROM pg_constraint"
    " WHERE NOT convalidated AND connamespace = current_schema()::regnamespace"
)
_DAMAGED_PAGES = (
    "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"
)


def wrong_with(connection: Connection) -> list[str]:
    """Settings that lose data in a power cut, pages that failed their checksum, what is invalid."""
    found = [
        f"{name} is off: a power cut can lose judgments that were acknowledged"
        for name in _MUST_BE_ON
        if connection.exec_driver_sql(f"SHOW {name}").scalar() == "off"
    ]
    if number := connection.exec_driver_sql(_DAMAGED_PAGES).scalar():
        found.append(f"{number} pages failed their checksum")
    invalid = connection.exec_driver_sql(_INVALID).scalars()
    return found + [f"{what} is not valid" for what in invalid]
