"""Labellers come back as they were declared."""

import re
from dataclasses import replace

import pytest

from rather.errors import DataError
from rather.records import Labeller
from rather.store import labellers
from rather.store.database import Database

ANN = Labeller("l1", "Ann", False, "admin")
BOB = Labeller("l3", "Bob", False)
SIM = Labeller("l2", "vader (simulated)", True, settings={"gold": "vader", "seed": 0})


def test_labellers_come_back_as_they_were(db: Database) -> None:
    assert labellers.add(db, [ANN, SIM]) == 2
    assert labellers.add(db, [ANN]) == 0
    assert labellers.all(db) == [ANN, SIM]
    assert labellers.get(db, "l2") == SIM
    assert labellers.get(db, "l3") is None


def test_new_ids_are_fresh_and_fit_a_path() -> None:
    ids = {labellers.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"u_[0-9a-f]{20}", id) for id in ids)


def test_a_person_changes(db: Database) -> None:
    labellers.add(db, [ANN, BOB])
    labellers.change(db, "l3", paused="see me")
    assert labellers.get(db, "l3") == replace(BOB, paused="see me")
    labellers.change(db, "l3", role="admin", paused="")
    assert labellers.get(db, "l3") == replace(BOB, role="admin")
    labellers.change(db, "l3")
    assert labellers.all(db) == [ANN, replace(BOB, role="admin")]


def test_one_admin_stays(db: Database) -> None:
    labellers.add(db, [ANN, BOB, replace(SIM, role="admin")])
    with pytest.raises(DataError, match="the last admin"):
        labellers.change(db, "l1", role="labeller", paused="gone")
    assert labellers.get(db, "l1") == ANN
    labellers.change(db, "l3", role="labeller")  # no admin before, none after
    labellers.change(db, "l3", role="admin")
    labellers.change(db, "l1", role="labeller")
    assert labellers.get(db, "l1") == replace(ANN, role="labeller")
