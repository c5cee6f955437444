"""What the database driver says, in the words of errors.py: one sentence, and how to mend it."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from rather.errors import DataError, EnvironmentFault, RatherError

_LOCKED = "is locked by another process; close that one, or try again"
_GONE = "closed the connection; try again"
_SQLITE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: "cannot be written; make the file and its folder writable",
    sqlite3.SQLITE_IOERR: "could not be written to disk; check free space and the disk's health",
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full; free some space and try again",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that the folder exists and is yours",
    sqlite3.SQLITE_CORRUPT: "is damaged; nothing was changed: restore a backup of it",
    sqlite3.SQLITE_NOTADB: "is no database, or is damaged; nothing was changed: restore a backup",
}
_POSTGRESQL = {  # SQLSTATE, or its class where all of the class read the same
    "25006": "cannot be written; name the primary server, not a standby that only reads",
    "40": _LOCKED,
    "42501": "refuses that to this role ({}); grant it (docs/teams.md says what is needed)",
    "53100": "cannot grow because the disk is full; free some space and try again",
    "53200": "has no memory left ({}); give the server more, or try again",
    "53300": "has no connection free; close other programs, or raise its max_connections",
    "55P03": _LOCKED,
    "57014": "broke a statement off ({}); raise its statement_timeout, or try again",
    "57": _GONE,
    "58": "could not be written to disk ({}); check the server's free space and its disk's health",
    "XX001": "is damaged ({}); restore a backup of it",
    "XX002": "has a damaged index ({}); run REINDEX, or restore a backup of it",
}


def explained(error: Exception, where: str) -> Exception:
    """The error to raise in place of `error`; itself where we have no better words."""
    if isinstance(error, StatementError) and isinstance(error.orig, RatherError):
        return error.orig
    if isinstance(error, IntegrityError):
        return DataError(
            f"The rows do not fit the store ({_line(error.orig)}): each must name prompts, "
            "labellers and judgments that are there, and ids must be new."
        )
    if isinstance(error, NoConnectionFree):
        sentence: str | None = "has no connection free for this many at once; try again"
    else:
        sentence = _sentence(error)
    return error if sentence is None else EnvironmentFault(f"The database {where} {sentence}.")


def _sentence(error: Exception) -> str | None:
    said = getattr(error, "orig", error)
    code = getattr(said, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF)
    state: str | None = getattr(said, "sqlstate", None)
    if state is not None:
        known = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
        if known is not None:
            return known.format(_line(said))
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _GONE
    if isinstance(error, OperationalError) and hasattr(said, "sqlstate"):
        # Only the driver itself fails without a state: it never came to a connection.
        return f"cannot be reached ({_why(said)}); check that it runs, the address and the password"
    return None


def _why(error: Any) -> str:
    """The server's reason, without the address, which our sentence names already."""
    return re.split(r"failed: ", _line(error))[-1].removeprefix("FATAL:").strip()


def _line(error: Any) -> str:
    """The first line: those after it quote the row, which is not for whoever sent it to read."""
    first, *_ = str(error).splitlines() or [""]
    return first.strip().rstrip(".")


@contextmanager
def in_words(where: str) -> Iterator[None]:
    """Raise what goes wrong inside as a sentence about the database `where`."""
    try:
        yield
    except (StatementError, sqlite3.Error, NoConnectionFree) as error:
        better = explained(error, where)
        if better is error:
            raise
        raise better from error
