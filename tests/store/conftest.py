"""A database on each back-end and the few records every store test needs."""

import pytest

from rather.records import Labeller, Message, Prompt
from rather.store import labellers, prompts
from rather.store.database import Database


@pytest.fixture
def db(any_db: Database) -> Database:
    return any_db


@pytest.fixture
def ready(db: Database) -> Database:
    """A database with two prompts, a person and a simulator."""
    question = (Message("user", "Why?"),)
    prompts.add(db, [Prompt("p1", question, "train"), Prompt("p2", question, "heldout")])
    labellers.add(db, [Labeller("ann", "Ann", False), Labeller("sim", "Sim", True)])
    return db
