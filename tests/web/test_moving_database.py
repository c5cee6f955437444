"""A round whose labels move from SQLite to a PostgreSQL server while people judge.

As docs/teams.md has it: stop the app, `rather db copy`, name the new database, start again. Pages
stay open meanwhile and keep trying; afterwards two processes serve one team.
"""

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from crowd import Seen, crowd
from labelling_load import fill, run_server
from rather.config.loading import load
from rather.feedback.items import item_of
from rather.models.source import LEARNT_FILE
from rather.progress import Progress
from rather.records import Judgment
from rather.store import judgments
from rather.workspace import Workspace
from tests.web.test_kill_server import free_port

NUM_LABELLERS, EACH, NUM_PROMPTS = 6, 10, 60
NUM_BEFORE = 12
"""Judgments after which the app is stopped to move."""
SETTINGS = {
    "dtype": "float32",
    "heldout_fraction": 0.0,
    "label": {
        "overlap": {"judges": 1, "shared_fraction": 0.3, "shared_judges": 2},
        "checks": {"repeat_fraction": 0.0, "gold_fraction": 0.0},
    },
    "run": {"stages": ["label", "reward"], "min_judgments": NUM_LABELLERS * EACH},
    "reward": {"batch_size": 16, "adapter": {"rank": 4, "alpha": 8.0}},
}

pytestmark = pytest.mark.slow


def test_none_is_lost_none_is_there_twice_and_the_round_learns_from_all(
    tmp_path: Path, tiny_model: Path, new_url: Callable[[], str]
) -> None:
    root, url, first, second = tmp_path / "ws", new_url(), free_port(), free_port()
    config = load(None, {"model": str(tiny_model), **SETTINGS})
    with Workspace.create(root, config, Progress(quiet=True)) as ws:
        tokens = fill(ws.db, NUM_LABELLERS, NUM_PROMPTS)
    assert "Waiting for people: 0 of 60" in rather("run", "-w", str(root))
    server = serving(root, first)
    stayed = judging(first, tokens[:3], seed=1)
    before = when_there_are(root, NUM_BEFORE, server)
    rather("db", "copy", "--to", url, "-w", str(root))
    text = (root / "rather.yaml").read_text("utf-8")
    (root / "rather.yaml").write_text(text.replace("database: null", f"database: {url}"), "utf-8")
    servers = [serving(root, port) for port in (first, second)]
    came = judging(second, tokens[3:], seed=2)
    seen = [ended(one) for one in (stayed, came)]
    for one in servers:
        stop(one)
    assert [one.refusals for one in seen] == [[], []]
    assert seen[0].num_lost_connections > 0, "nobody was judging while it moved"
    with Workspace.open(root) as ws:
        assert ws.db.where == url
        stored = judgments.all(ws.db)
    assert stored[: len(before)] == before, "the same, in the same order"
    acks = [ack for one in seen for ack in one.acks]
    assert len(acks) == NUM_LABELLERS * EACH
    assert sorted(one.id for one in stored) == sorted(ack.judgment_id for ack in acks)
    assert len({(one.labeller_id, one.idempotency_key) for one in stored}) == len(stored)
    require_overlap(stored)
    assert "1 round(s) done" in rather("run", "-w", str(root))
    learnt = json.loads((root / "models" / "reward-1" / LEARNT_FILE).read_text("utf-8"))
    useful = {one.id for one in stored if one.answer["choice"] in ("A", "B")}
    assert useful <= set(learnt["judgments"]) <= {one.id for one in stored}


def require_overlap(stored: Sequence[Judgment]) -> None:
    """Leases held over the move: nobody was asked twice, and no item more often than it may be."""
    asked = Counter((one.labeller_id, item_of(one)) for one in stored)
    assert set(asked.values()) == {1}
    of_item = Counter(map(item_of, stored))
    assert max(of_item.values()) <= 2
    assert 2 in of_item.values(), "nothing was judged by two, so there is no agreement to measure"


def rather(*words: str) -> str:
    """A command as a team gives it."""
    command = [sys.executable, "-m", "rather", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def serving(root: Path, port: int) -> BaseProcess:
    """The app on the workspace's database as it is named now, in a process of its own."""
    with Workspace.open(root) as ws:
        where, config = str(ws.db.path or ws.config.database), ws.config
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=run_server, args=(where, config, there, port), daemon=True)
    process.start()
    assert here.poll(60)
    assert here.recv() == f"http://127.0.0.1:{port}"
    return process


def stop(process: BaseProcess) -> None:
    """As an administrator does."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(60)
    assert not process.is_alive()


Judging = tuple[threading.Thread, list[Seen]]


def judging(port: int, tokens: list[tuple[str, str]], seed: int) -> Judging:
    """People at work, until each has judged enough."""
    lived: list[Seen] = []
    url = f"http://127.0.0.1:{port}"
    people = threading.Thread(
        target=lambda: lived.append(asyncio.run(crowd(url, tokens, EACH, 0.2, seed)))
    )
    people.start()
    return people, lived


def ended(one: Judging) -> Seen:
    one[0].join(240)
    (seen,) = one[1]
    return seen


def when_there_are(root: Path, number: int, server: BaseProcess) -> list[Judgment]:
    """Stop the app when so many judgments are there; those that are in the file then."""
    ends = time.monotonic() + 120
    with Workspace.open(root) as ws:
        while len(judgments.all(ws.db)) < number:
            assert time.monotonic() < ends, "nobody judges"
            time.sleep(0.05)
        stop(server)
        return judgments.all(ws.db)
