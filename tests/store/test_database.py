"""Opening, reading, writing and killing: the same on both back-ends."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from rather.errors import UsageError
from rather.store import database as database_module
from rather.store import judgments, labellers, meta
from rather.store.database import Database
from rather.store.schema import META

WRITER = """
import sys
from rather.records import Judgment, Labeller, Message, Prompt
from rather.store import judgments, labellers, prompts
from rather.store.database import Database
db = Database.open(sys.argv[1], create=True)
prompts.add(db, [Prompt("p1", (Message("user", "?"),), "train")])
labellers.add(db, [Labeller("ann", "Ann", False)])
for number in range(100000):
    id = f"{sys.argv[2]}-{number}"
    judgments.record(db, Judgment(id, "thumb", "p1", "ann", {"good": True}, "2026", id, False))
    print(id, flush=True)
"""


def test_what_was_written_is_there_after_opening_again(any_where: str) -> None:
    with Database.open(any_where) as db:
        meta.put(db, "a", "b")
    with Database.open(any_where) as db:
        assert meta.get(db, "a") == "b"
        assert db.check() == []


def test_any_name_of_a_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "with space, 100% ? #.db"
    with Database.open(path, create=True) as db:
        meta.put(db, "a", "b")
    with Database.open(path) as db:
        assert meta.get(db, "a") == "b"


def test_a_file_may_be_named_by_a_url(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path / 'plain.db'}", create=True) as db:
        meta.put(db, "a", "b")
        assert db.where == str(tmp_path / "plain.db")
    with Database.open(tmp_path / "plain.db") as db:
        assert meta.get(db, "a") == "b"


def test_another_kind_of_database_is_refused_without_its_password() -> None:
    with pytest.raises(UsageError, match="neither a file nor PostgreSQL's") as caught:
        Database.open("mysql://ann:secret@host/name")
    assert "secret" not in str(caught.value)


def test_a_reader_sees_one_snapshot(any_db: Database) -> None:
    meta.put(any_db, "a", "1")
    count = select(func.count()).select_from(META)
    with any_db.read() as connection:
        assert connection.scalar(count) == 1
        meta.put(any_db, "b", "2")
        assert connection.scalar(count) == 1
    with any_db.read() as connection:
        assert connection.scalar(count) == 2


def test_a_long_transaction_is_there_whole_or_not_at_all(any_db: Database) -> None:
    with pytest.raises(KeyError, match="mine"), any_db.transaction() as connection:
        connection.execute(META.insert().values(name="a", value="1"))
        raise KeyError("mine")
    assert meta.get(any_db, "a") is None
    with any_db.transaction() as connection:
        connection.execute(META.insert().values(name="a", value="1"))
        assert meta.get(any_db, "a") is None
    assert meta.get(any_db, "a") == "1"


@pytest.mark.slow
def test_killed_at_random_every_acknowledged_judgment_is_there(any_where: str) -> None:
    draw = random.Random(0)
    acknowledged: list[str] = []
    source = str(Path(database_module.__file__).parents[2])
    paths = os.pathsep.join([source, *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    for attempt in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, any_where, str(attempt)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(draw.uniform(0, 0.15))
        os.kill(child.pid, signal.SIGKILL)
        # A line cut off by the kill has no end and was not acknowledged in full.
        rest = [line.strip() for line in child.stdout if line.endswith("\n")]
        child.wait()
        child.stdout.close()
        acknowledged += [first.strip(), *rest]
    with Database.open(any_where) as db:
        stored = [one.id for one in judgments.all(db)]
        assert db.check() == []
        assert [one.id for one in labellers.all(db)] == ["ann"]
    assert len(acknowledged) > 20
    assert set(acknowledged) <= set(stored)
    assert len(stored) - len(acknowledged) <= 6  # at most the one under way at each kill
    assert len(stored) == len(set(stored))
