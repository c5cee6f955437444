"""The driver's errors in our words; what is our own bug keeps its own."""

import sqlite3

from sqlalchemy.exc import OperationalError, ProgrammingError, StatementError

from rather.errors import DataError, EnvironmentFault
from rather.store.faults import explained


def driver_error(code: int) -> OperationalError:
    error = sqlite3.OperationalError("driver words")
    error.sqlite_errorcode = code
    return OperationalError("SELECT", {}, error)


def test_extended_codes_count_as_their_kind() -> None:
    better = explained(driver_error(sqlite3.SQLITE_IOERR | (3 << 8)), "x.db")
    assert isinstance(better, EnvironmentFault)
    assert str(better) == (
        "The database x.db could not be written to disk; check free space and the disk's health."
    )


def test_our_own_refusals_come_out_as_they_went_in() -> None:
    mine = DataError("A sentence.")
    assert explained(StatementError("wrapped", "INSERT", {}, mine), "x.db") is mine


def test_a_bug_in_a_statement_is_not_dressed_up() -> None:
    bug = ProgrammingError("SELEC", {}, Exception("syntax"))
    assert explained(bug, "x.db") is bug
    assert explained(driver_error(sqlite3.SQLITE_ERROR), "x.db").args != ()
    assert isinstance(explained(driver_error(sqlite3.SQLITE_ERROR), "x.db"), OperationalError)
