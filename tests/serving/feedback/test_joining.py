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

from rather.errors import UsageError
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


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"serve.keep": "none"}, "Nothing is kept of what is answered (serve.keep)."),
        ({}, "Who answered and when is kept for 30 days, no texts (serve.keep)."),
        (
            {**KEPT, "serve.keep_days": 7, "serve.ab.share": 0.25, "serve.ab.model": "ppo-2"},
            "Questions and answers are kept for 7 days, redacted (serve.keep). 25% of prod is "
            "answered by ppo-2.",
        ),
    ],
)
def test_whoever_starts_it_is_told(
    serve: Callable[..., Any], settings: dict[str, Any], told: str
) -> None:
    assert serve(**settings)[1].told == told


def test_a_share_is_for_somebody_who_can_answer(serve: Callable[..., Any]) -> None:
    with pytest.raises(
        UsageError, match=r"ab\.model is ppo-9; it must be one of base, ppo-1, ppo-2"
    ):
        serve(**{"serve.ab.model": "ppo-9", "serve.ab.share": 0.1})
