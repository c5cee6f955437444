"""Runs go on under the same id, and their numbers are kept by step."""

import math

import pytest

from rather.errors import DataError
from rather.records import Alarm, Run
from rather.store import runs
from rather.store.database import Database

RUN = Run("r1", "ppo", {"seed": 0}, "d1", "running", "2026-11-21T10:00:00.000000+00:00")


def test_a_run_starts_ends_and_goes_on(db: Database) -> None:
    runs.start(db, RUN)
    assert runs.get(db, "r1") == RUN
    runs.finish(db, "r1", "stopped", "interrupted")
    stopped = runs.get(db, "r1")
    assert stopped is not None and stopped.finished_at is not None
    assert (stopped.status, stopped.message) == ("stopped", "interrupted")
    runs.start(db, RUN)
    assert runs.all(db) == [RUN]
    assert runs.get(db, "r2") is None


def test_an_unknown_run_cannot_end(db: Database) -> None:
    with pytest.raises(DataError, match="no run r1"):
        runs.finish(db, "r1", "done")


def test_a_step_done_again_replaces_its_numbers(db: Database) -> None:
    runs.start(db, RUN)
    runs.record(db, "r1", 2, {"loss": 0.5})
    runs.record(db, "r1", 1, {"loss": 1.0, "kl": 0.25})
    runs.record(db, "r1", 1, {"loss": 0.75})
    runs.record(db, "r1", 3, {})
    assert runs.metrics(db, "r1") == [(1, "kl", 0.25), (1, "loss", 0.75), (2, "loss", 0.5)]


def test_numbers_that_are_none_survive(db: Database) -> None:
    runs.start(db, RUN)
    runs.record(db, "r1", 1, {"a": math.nan, "b": math.inf, "c": -math.inf})
    (_, _, a), (_, _, b), (_, _, c) = runs.metrics(db, "r1")
    assert math.isnan(a)
    assert (b, c) == (math.inf, -math.inf)


def test_numbers_of_an_unknown_run_are_refused(db: Database) -> None:
    with pytest.raises(DataError):
        runs.record(db, "r9", 1, {"loss": 1.0})


def test_alarms_stand_once_in_order(db: Database) -> None:
    runs.start(db, RUN)
    stop, warn = Alarm("kl", "stop", "Stopped: far."), Alarm("length", "warn", "Long.")
    runs.sound(db, "r1", 4, Alarm("kl", "warn", "Far."))
    runs.sound(db, "r1", 4, stop)  # after a resume the same step speaks again
    runs.sound(db, "r1", 4, warn)
    runs.sound(db, "r1", 2, warn)
    assert runs.alarms(db, "r1") == [(2, warn), (4, stop), (4, warn)]
    assert runs.alarms(db, "r2") == []


def test_what_a_page_follows(db: Database) -> None:
    runs.start(db, RUN)
    runs.start(db, Run("r2", "sft", {}, "d", "running", RUN.started_at))
    assert runs.lengths(db) == {}
    runs.record(db, "r1", 0, {"loss": 1.0, "heldout/score": 0.5})
    runs.record(db, "r1", 1, {"loss": 0.5})
    runs.record(db, "r1", 4, {"loss": math.nan})
    assert runs.lengths(db) == runs.lengths(db, "r1") == {"r1": (3, 4)}
    assert runs.lengths(db, "r2") == {}
    assert [step for step, *_ in runs.metrics(db, "r1", after=0)] == [1, 4]
    newest = runs.newest(db, "r1")
    assert newest["heldout/score"] == (0, 0.5)
    step, value = newest["loss"]
    assert (step, math.isnan(value)) == (4, True)
