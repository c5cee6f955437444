"""Feedback that was acknowledged is there after a kill, whole and once."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rather.store import completions, judgments, prompts
from rather.store.database import Database
from rather.store.use import reactions

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
