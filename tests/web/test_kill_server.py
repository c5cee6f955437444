"""kill -9 while a crowd is judging: what was acknowledged is there, once; the rest goes on."""

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from crowd import Seen, crowd
from labelling_load import fill, run_server
from rather.config.labelling import Checks, Labelling
from rather.config.stages import Config
from rather.store import judgments
from rather.store.database import Database

NUM_LABELLERS = 12
JUDGMENTS_EACH = 25
NUM_KILLS = 4

pytestmark = pytest.mark.slow


def free_port() -> int:
    """A port below those the system gives to clients: one of them, trying while the server is
    dead, could otherwise be given this very port, connect to itself and keep the server out."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Server:
    """The app as a process that can be killed and started again on the same port."""

    def __init__(self, where: Path) -> None:
        self.port = free_port()
        self.where = where
        self.config = Config(label=Labelling(checks=Checks(repeat_fraction=0.1, gold_fraction=0.0)))
        self.process = self._start()

    def kill_and_restart(self) -> None:
        """No warning, no clean-up."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(10)
        began = time.monotonic()
        self.process = self._start()
        assert time.monotonic() - began < 15, "back within seconds"

    def _start(self) -> BaseProcess:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        arguments = (str(self.where), self.config, there, self.port)
        process = context.Process(target=run_server, args=arguments, daemon=True)
        process.start()
        assert here.poll(60)
        assert here.recv() == f"http://127.0.0.1:{self.port}"
        return process


@pytest.mark.parametrize("seed", [1, 2])
def test_acknowledged_judgments_survive(tmp_path: Path, seed: int) -> None:
    where = tmp_path / "rather.db"
    with Database.open(where, create=True) as db:
        tokens = fill(db, NUM_LABELLERS, num_prompts=200)
    server = Server(where)
    url = f"http://127.0.0.1:{server.port}"
    lived: list[Seen] = []
    people = threading.Thread(
        target=lambda: lived.append(asyncio.run(crowd(url, tokens, JUDGMENTS_EACH, 0.05, seed)))
    )
    people.start()
    chance = random.Random(seed)
    for _ in range(NUM_KILLS):
        time.sleep(chance.uniform(0.2, 0.9))
        server.kill_and_restart()
    people.join(300)
    server.process.terminate()
    server.process.join(10)
    (seen,) = lived
    assert seen.refusals == []
    assert seen.num_lost_connections > 0, "no kill met anybody"
    assert len(seen.acks) == NUM_LABELLERS * JUDGMENTS_EACH
    with sqlite3.connect(where) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with Database.open(where) as db:
        stored = judgments.all(db)
    assert sorted(one.id for one in stored) == sorted(ack.judgment_id for ack in seen.acks)
    keys = {(one.labeller_id, one.idempotency_key.partition(":")[2]) for one in stored}
    assert keys == {(ack.labeller, ack.key) for ack in seen.acks}
