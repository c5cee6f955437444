"""The driver's errors in our words; what is our own bug keeps its own."""

import sqlite3

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from rather.errors import DataError, EnvironmentFault
from rather.store.engines.faults import explained


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


class ServerError(Exception):
    """As psycopg raises them: words, and a state where the server gave one."""

    def __init__(self, words: str, sqlstate: str | None) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("55P03", "is locked by another process; close that one, or try again"),
        ("40P01", "is locked by another process; close that one, or try again"),
        ("57P01", "closed the connection; try again"),
        (
            "57014",
            "broke a statement off (driver words); raise its statement_timeout, or try again",
        ),
        ("53100", "cannot grow because the disk is full; free some space and try again"),
        ("53300", "has no connection free; close other programs, or raise its max_connections"),
    ],
)
def test_a_servers_states_are_sentences(state: str, sentence: str) -> None:
    better = explained(
        OperationalError("SELECT", {}, ServerError("driver words.\nmore", state)), "x"
    )
    assert isinstance(better, EnvironmentFault)
    assert str(better) == f"The database x {sentence}."


def test_no_state_means_no_connection() -> None:
    words = 'connection failed: port 5432 failed: FATAL:  database "x" does not exist\n\tmore'
    better = explained(OperationalError("", {}, ServerError(words, None)), "x")
    assert str(better) == (
        'The database x cannot be reached (database "x" does not exist); check that it runs, the '
        "address and the password."
    )


def test_too_many_at_once_is_a_fault_of_the_machine() -> None:
    better = explained(NoConnectionFree("QueuePool limit"), "x")
    assert isinstance(better, EnvironmentFault)
    assert "no connection free for this many at once" in str(better)


def test_rows_that_do_not_fit_are_not_quoted() -> None:
    words = "violates a constraint\nDETAIL:  Key (hash)=(abc) already exists.\n"
    better = explained(IntegrityError("", {}, ServerError(words, "23505")), "x")
    assert str(better).startswith("The rows do not fit the store (violates a constraint): each")
