"""A database on disk and the few records every store test needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rather.records import Labeller, Message, Prompt
from rather.store import labellers, prompts
from rather.store.database import Database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "rather.db", create=True) as database:
        yield database


@pytest.fixture
def ready(db: Database) -> Database:
    """A database with two prompts, a person and a simulator."""
    question = (Message("user", "Why?"),)
    prompts.add(db, [Prompt("p1", question, "train"), Prompt("p2", question, "heldout")])
    labellers.add(db, [Labeller("ann", "Ann", False), Labeller("sim", "Sim", True)])
    return db
