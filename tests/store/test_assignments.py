"""Assignments: kept as shown, renewed, and known by who holds them."""

from dataclasses import replace

import pytest

from rather.errors import DataError
from rather.records import Assignment, Labeller
from rather.store import assignments, labellers
from rather.store.database import Database

FIRST = Assignment("pair:a-b", "ann", "work", "pair", "p1", ("b", "a"), "2026-01-01", "2026-01-02")


def add(db: Database, one: Assignment) -> None:
    db.write(lambda connection: assignments.add(connection, one))


def test_it_is_kept_as_shown(ready: Database) -> None:
    add(ready, FIRST)
    assert assignments.get(ready, "ann", "pair:a-b", "work") == FIRST
    assert assignments.get(ready, "ann", "pair:a-b", "repeat") is None
    assert assignments.all(ready) == [FIRST]
    with pytest.raises(DataError):
        add(ready, FIRST)


def test_a_renewal_changes_only_when_it_ends(ready: Database) -> None:
    again = replace(FIRST, purpose="repeat", completion_ids=("a", "b"))
    add(ready, FIRST)
    add(ready, again)
    ready.write(lambda c: assignments.renew(c, "ann", "pair:a-b", "work", "2026-01-09"))
    assert assignments.all(ready) == [replace(FIRST, expires_at="2026-01-09"), again]


def test_new_ones_are_those_after_a_number(ready: Database) -> None:
    add(ready, FIRST)
    add(ready, replace(FIRST, item="pair:a-c"))
    with ready.read() as connection:
        assert [one.item for one in assignments.after(connection, 1)] == ["pair:a-c"]


def test_holders_are_those_whose_lease_has_not_ended(ready: Database) -> None:
    labellers.add(ready, [Labeller(name, name, False) for name in ("bob", "cat")])
    add(ready, FIRST)
    add(ready, replace(FIRST, labeller_id="bob", expires_at="2026-01-05"))
    add(ready, replace(FIRST, labeller_id="cat", expires_at="2026-01-05", purpose="repeat"))
    with ready.read() as connection:
        found = assignments.holders(connection, ["pair:a-b", "pair:a-c"], "2026-01-02")
    assert found == {"pair:a-b": {"bob": "2026-01-05"}}


def test_a_pause_has_a_reason(ready: Database) -> None:
    ready.write(lambda connection: assignments.pause(connection, "ann", "tired"))
    assert [one.paused for one in labellers.all(ready)] == ["tired", ""]
