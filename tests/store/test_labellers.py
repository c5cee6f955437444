"""Labellers come back as they were declared."""

from rather.records import Labeller
from rather.store import labellers
from rather.store.database import Database

ANN = Labeller("l1", "Ann", False, "admin")
SIM = Labeller("l2", "vader (simulated)", True, settings={"gold": "vader", "seed": 0})


def test_labellers_come_back_as_they_were(db: Database) -> None:
    assert labellers.add(db, [ANN, SIM]) == 2
    assert labellers.add(db, [ANN]) == 0
    assert labellers.all(db) == [ANN, SIM]
    assert labellers.get(db, "l2") == SIM
    assert labellers.get(db, "l3") is None
