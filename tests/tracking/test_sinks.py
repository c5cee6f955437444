"""Trackers take what a run says, and nothing that they do can stop it or hold it up."""

import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from rather.tracking import sinks
from rather.tracking.sinks import Sink, tracked
from rather.tracking.trackers import About

ABOUT = About("mine", "ppo-0123456789", {"num_steps": 3}, Path("runs"))


class Notes:
    """A tracker that remembers, and may fail, hang, or talk."""

    def __init__(self, about: About, fails_at: int | None = None) -> None:
        self.about, self.fails_at = about, fails_at
        self.steps: list[tuple[int, dict[str, float]]] = []
        self.is_closed = False
        self.gate = threading.Event()
        self.gate.set()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self.gate.wait()
        if step == self.fails_at:
            raise ConnectionError("the server is gone")
        print("a tracker talks")
        self.steps.append((step, dict(metrics)))

    def close(self) -> None:
        self.is_closed = True


def test_every_step_arrives_in_order_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Notes] = []
    monkeypatch.setitem(sinks.OPENERS, "notes", lambda about: made.append(Notes(about)) or made[0])
    said: list[str] = []
    with tracked(("notes",), ABOUT, said.append) as log:
        for step in range(50):
            log(step, {"objective/kl": step / 2})
    (notes,) = made
    assert notes.about == ABOUT
    assert notes.steps == [(step, {"objective/kl": step / 2}) for step in range(50)]
    assert notes.is_closed
    assert said == []


def test_what_trackers_print_is_not_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sinks.OPENERS, "notes", Notes)
    with tracked(("notes",), ABOUT, lambda line: None) as log:
        log(0, {"loss": 1.0})
    found = capsys.readouterr()
    assert found.out == ""
    assert "a tracker talks" in found.err


def test_a_tracker_that_fails_is_named_once_and_the_run_goes_on() -> None:
    said: list[str] = []
    sink = Sink("notes", lambda about: Notes(about, fails_at=1), ABOUT, said.append)
    for step in range(5):
        sink.log(step, {"loss": 1.0})
        time.sleep(0.01)
    sink.close(1.0)
    first, second = said
    assert first == (
        "tracker notes: ConnectionError: the server is gone. The run goes on without it."
    )
    # step 1, which it choked on, and the three after it: only step 0 is there
    assert second == "tracker notes: 4 steps did not reach it; the workspace has them all."


def test_a_tracker_that_is_not_installed() -> None:
    def missing(about: About) -> Notes:
        raise ModuleNotFoundError("No module named 'wandb'")

    said: list[str] = []
    sink = Sink("wandb", missing, ABOUT, said.append)
    sink.close(1.0)
    assert said == [
        "tracker wandb: No module named 'wandb'; install it with `pip install 'rather[trackers]'`. "
        "The run goes on without it."
    ]


def test_a_tracker_that_hangs_is_left_behind() -> None:
    said: list[str] = []
    notes = Notes(ABOUT)
    notes.gate.clear()
    sink = Sink("notes", lambda about: notes, ABOUT, said.append, max_waiting=3)
    began = time.monotonic()
    for step in range(1000):
        sink.log(step, {"loss": 1.0})  # never waits
    assert time.monotonic() - began < 1.0
    sink.close(0.2)
    assert time.monotonic() - began < 2.0
    notes.gate.set()
    assert said[0] == "tracker notes: it did not end in 0.2 seconds and is left."
    assert "steps did not reach it" in said[1]


def test_without_trackers_nothing_is_touched() -> None:
    out, before = sys.stdout, threading.active_count()
    with tracked((), ABOUT, lambda line: None) as log:
        log(0, {"loss": 1.0})
        assert sys.stdout is out
        assert threading.active_count() == before
