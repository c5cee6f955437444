"""A run's answers are kept by step and prompt; a step done again replaces its own."""

import math

import pytest

from rather.errors import DataError
from rather.records import Glimpse, Run
from rather.store import glimpses, runs
from rather.store.database import Database

RUN = Run("r1", "ppo", {}, "d1", "running", "2026-11-21T10:00:00.000000+00:00")
FIRST = Glimpse(0, "p1", "Because.", 2, "stop", score=0.5, kl=0.0)
SECOND = Glimpse(0, "p2", "No", 1, "length")


def test_they_come_back_by_step(ready: Database) -> None:
    runs.start(ready, RUN)
    later = Glimpse(10, "p1", "Well.", 2, "stop")
    glimpses.record(ready, "r1", 10, [later])
    glimpses.record(ready, "r1", 0, [SECOND, FIRST])
    assert glimpses.of_run(ready, "r1") == [FIRST, SECOND, later]
    assert glimpses.of_run(ready, "r2") == []


def test_a_step_done_again_replaces_its_answers(ready: Database) -> None:
    runs.start(ready, RUN)
    glimpses.record(ready, "r1", 0, [FIRST, SECOND])
    glimpses.record(ready, "r1", 0, [FIRST])
    glimpses.record(ready, "r1", 0, [FIRST])
    assert glimpses.of_run(ready, "r1") == [FIRST]


def test_what_is_not_finite_is_not_known(ready: Database) -> None:
    runs.start(ready, RUN)
    glimpses.record(ready, "r1", 1, [Glimpse(1, "p1", "x", 1, "stop", math.nan, math.inf)])
    assert glimpses.of_run(ready, "r1") == [Glimpse(1, "p1", "x", 1, "stop")]


def test_unknown_runs_and_prompts_are_refused(ready: Database) -> None:
    with pytest.raises(DataError):
        glimpses.record(ready, "r1", 0, [FIRST])
    runs.start(ready, RUN)
    with pytest.raises(DataError):
        glimpses.record(ready, "r1", 0, [Glimpse(0, "p9", "x", 1, "stop")])
