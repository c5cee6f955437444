"""Model versions, their names and their parents."""

from dataclasses import replace

import pytest

from rather.errors import DataError
from rather.records import ModelVersion
from rather.store import versions
from rather.store.database import Database

REWARD = ModelVersion(
    "reward-1",
    "reward",
    "embedded",
    ("sft-1",),
    "run-1",
    "models/reward-1",
    "2026-11-21T10:00:00.000000+00:00",
    {"accuracy": 0.75},
    {"judgments": ["01A"], "config": {"seed": 0}},
)


def test_a_version_comes_back_as_it_was(db: Database) -> None:
    versions.register(db, REWARD)
    assert versions.get(db, "reward-1") == REWARD
    assert versions.get(db, "reward-2") is None


def test_a_taken_name_is_refused(db: Database) -> None:
    versions.register(db, REWARD)
    with pytest.raises(DataError, match=r"(?i)unique"):
        versions.register(db, REWARD)


def test_names_go_on_after_the_highest(db: Database) -> None:
    assert versions.next_name(db, "reward") == "reward-1"
    for name in ("reward-10", "reward-2"):
        versions.register(db, replace(REWARD, name=name))
    assert versions.next_name(db, "reward") == "reward-11"
    assert versions.next_name(db, "ppo") == "ppo-1"
    newest = versions.newest(db, "reward")
    assert newest is not None and newest.name == "reward-2"
    assert versions.newest(db, "ppo") is None
    assert [version.name for version in versions.all(db)] == ["reward-10", "reward-2"]
    assert versions.all(db, "dpo") == []
