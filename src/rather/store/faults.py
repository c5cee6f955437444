"""What the database driver says, in the words of errors.py: one sentence, and how to mend it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from rather.errors import DataError, EnvironmentFault, RatherError

_SENTENCES = {
    sqlite3.SQLITE_BUSY: "is locked by another process; close that one, or try again",
    sqlite3.SQLITE_LOCKED: "is locked by another process; close that one, or try again",
    sqlite3.SQLITE_READONLY: "cannot be written; make the file and its folder writable",
    sqlite3.SQLITE_IOERR: "could not be written to disk; check free space and the disk's health",
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full; free some space and try again",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that the folder exists and is yours",
    sqlite3.SQLITE_CORRUPT: "is damaged; nothing was changed: restore a backup of it",
    sqlite3.SQLITE_NOTADB: "is no database, or is damaged; nothing was changed: restore a backup",
}


def explained(error: Exception, where: str) -> Exception:
    """The error to raise in place of `error`; itself where we have no better words."""
    if isinstance(error, StatementError) and isinstance(error.orig, RatherError):
        return error.orig
    if isinstance(error, IntegrityError):
        return DataError(
            f"The rows do not fit the store ({error.orig}): each must name prompts, labellers and "
            "judgments that are there, and ids must be new."
        )
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    if code is not None and (sentence := _SENTENCES.get(code & 0xFF)):
        return EnvironmentFault(f"The database {where} {sentence}.")
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return EnvironmentFault(f"The database {where} closed the connection; try again.")
    return error


@contextmanager
def in_words(where: str) -> Iterator[None]:
    """Raise what goes wrong inside as a sentence about the database `where`."""
    try:
        yield
    except (StatementError, sqlite3.Error) as error:
        better = explained(error, where)
        if better is error:
            raise
        raise better from error
