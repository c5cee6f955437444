"""A server deletes what is past its days; acknowledged feedback survives a kill, whole, once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather.serving.feedback import joining
from rather.store import completions, judgments, prompts
from rather.store.database import Database
from rather.store.use import reactions, served
from tests.serving.feedback.conftest import KEPT, chat
from tests.store.use.test_served import EARLY, given

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("seed", [1, 2])
def test_acknowledged_feedback_survives(tmp_path: Path, seed: int) -> None:
    where = tmp_path / "rather.db"
    Database.open(where, create=True).close()
    talker = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("talker.py")), str(where)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert talker.stdout is not None
    acknowledged = [
        tuple(talker.stdout.readline().split()) for _ in range(random.Random(seed).randint(5, 40))
    ]
    talker.send_signal(signal.SIGKILL)
    acknowledged += [tuple(line.split()) for line in talker.stdout if line.endswith("\n")]
    talker.stdout.close()
    assert talker.wait() == -signal.SIGKILL
    with Database.open(where) as db:
        assert db.check() == []
        stored = {(one.id, one.judgment_id or "") for one in reactions.all(db)}
        assert set(acknowledged) <= stored
        assert len(stored) - len(acknowledged) <= 1  # one may have been stored and not yet said
        judged = {one.id: one for one in judgments.live(db)}
        known = {one.id for one in prompts.all(db)}, {one.id for one in completions.all(db)}
    # a reaction and its lesson are stored together or not at all
    assert {judgment_id for _, judgment_id in stored} == set(judged)
    for one in judged.values():
        assert one.prompt_id in known[0] and one.answer["completion_id"] in known[1]


def test_what_is_past_its_days_is_deleted(
    db: Database, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, use = serve(**KEPT)
    chat(api)
    served.add(db, [given("old", model="ppo-2")])
    monkeypatch.setattr(joining, "SECONDS_BETWEEN_PURGES", 0.02)
    with use.tended():
        until = time.monotonic() + 10
        while "ppo-2" in served.count(db) and time.monotonic() < until:
            time.sleep(0.01)
        assert served.count(db) == {"ppo-1": 1}
        served.add(db, [given("older", model="ppo-2")])
        while "ppo-2" in served.count(db) and time.monotonic() < until:
            time.sleep(0.01)
    assert served.count(db) == {"ppo-1": 1}
    assert served.get_many(db, ["old", "older"], EARLY) == {}
