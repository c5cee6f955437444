"""One thread commits for all: what fails fails alone, what is acknowledged is there."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from rather.records import Judgment, Labeller, Message, Prompt
from rather.store import database as database_module
from rather.store import judgments, labellers, meta, prompts
from rather.store.database import Database
from rather.store.schema import JUDGMENTS, META

CROWD = """
import sys
import threading
from rather.records import Judgment
from rather.store import judgments
from rather.store.database import Database
db = Database.open(sys.argv[1])
def work(worker):
    for number in range(50):
        id = f"{sys.argv[2]}-{worker}-{number}"
        judgments.record(db, Judgment(id, "thumb", "p1", "ann", {}, "2026", id, False))
threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
db.close()
"""


def put(name: str) -> Callable[[Connection], str]:
    def act(connection: Connection) -> str:
        connection.execute(META.insert().values(name=name, value="x"))
        return name

    return act


def test_a_value_comes_back_and_an_error_travels(db: Database) -> None:
    def fail(connection: Connection) -> None:
        put("undone")(connection)
        raise KeyError("mine")

    assert db.write(put("kept")) == "kept"
    with pytest.raises(KeyError, match="mine"):
        db.write(fail)
    assert meta.get(db, "kept") == "x"
    assert meta.get(db, "undone") is None


def test_a_failing_write_does_not_spoil_its_group(db: Database) -> None:
    """The first write waits until all others are queued, so they share a transaction."""
    gate = threading.Event()
    outcomes: dict[int, str] = {}

    def hold(connection: Connection) -> None:
        gate.wait(5)

    def attempt(number: int) -> None:
        # Odd ones repeat a name that is there already.
        name = "taken" if number % 2 else f"n{number}"
        try:
            db.write(put(name))
            outcomes[number] = "ok"
        except Exception as error:
            outcomes[number] = type(error).__name__

    db.write(put("taken"))
    threads = [threading.Thread(target=db.write, args=(hold,))]
    threads += [threading.Thread(target=attempt, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    gate.set()
    for thread in threads:
        thread.join()
    assert outcomes == {n: "DataError" if n % 2 else "ok" for n in range(10)}
    assert [meta.get(db, f"n{number}") for number in (0, 2, 4, 6, 8)] == ["x"] * 5


def test_a_write_inside_a_write_is_a_bug_of_ours(db: Database) -> None:
    with pytest.raises(RuntimeError, match="inside a write"):
        db.write(lambda connection: db.write(put("a")))


def test_a_hundred_threads_write_and_nothing_is_lost(ready: Database) -> None:
    slowest: list[float] = []

    def work(worker: int) -> None:
        for number in range(10):
            id = f"{worker}-{number}"
            began = time.monotonic()
            judgments.record(
                ready,
                Judgment(id, "thumb", "p1", "ann", {"good": True}, "2026", id, False),
            )
            slowest.append(time.monotonic() - began)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = [one.id for one in judgments.all(ready)]
    assert len(slowest) == 1000
    assert sorted(stored) == sorted(f"{w}-{n}" for w in range(100) for n in range(10))


def test_close_finishes_what_waits(db: Database) -> None:
    threads = [threading.Thread(target=db.write, args=(put(f"n{i}"),)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.close()
    assert meta.get(db, "n19") == "x"


@pytest.mark.slow
def test_who_follows_the_numbers_misses_nothing_of_several_processes(any_where: str) -> None:
    """A row committed below a number that was read already would never be seen."""
    source = str(Path(database_module.__file__).parents[2])
    paths = os.pathsep.join([source, *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    seen: list[str] = []
    last = 0
    with Database.open(any_where) as db:
        prompts.add(db, [Prompt("p1", (Message("user", "?"),), "train")])
        labellers.add(db, [Labeller("ann", "Ann", False)])
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", CROWD, any_where, name],
                env={**os.environ, "PYTHONPATH": paths},
            )
            for name in ("a", "b")
        ]
        is_last_look = False
        while not is_last_look:
            is_last_look = all(writer.poll() is not None for writer in writers)
            query = select(JUDGMENTS.c.seq, JUDGMENTS.c.id).where(JUDGMENTS.c.seq > last)
            with db.read() as connection:
                for seq, id in connection.execute(query.order_by(JUDGMENTS.c.seq)):
                    seen.append(id)
                    last = seq
        stored = [one.id for one in judgments.all(db)]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(stored) == 600
    assert seen == stored
    # both were at it together, or nothing was tried
    assert {one[0] for one in stored[100:500]} == {"a", "b"}
