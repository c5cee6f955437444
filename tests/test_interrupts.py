"""Ctrl-C and SIGTERM: a checkpoint within seconds, and the same command goes on, bit for bit."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather.durable import verify
from rather.interrupts import Interrupted, listening, safe_point

GRACE_SECONDS = 10
"""Far more than a checkpoint of the tiny model takes, on a machine that others use too."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_heard_at_the_next_safe_point(number: int, code: int) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    done: list[str] = []
    with pytest.raises(Interrupted) as caught, listening():
        safe_point()
        os.kill(os.getpid(), number)
        done.append("what was begun")
        safe_point()
        done.append("more")
    assert done == ["what was begun"]
    assert caught.value.exit_code == code
    assert caught.value.is_ctrl_c == (number == signal.SIGINT)
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    safe_point()  # the note is thrown away


def test_work_without_a_safe_point_ends_interrupted_too() -> None:
    done: list[str] = []
    with pytest.raises(Interrupted), listening():
        os.kill(os.getpid(), signal.SIGTERM)
        done.append("all of it")
    assert done == ["all of it"]


def test_another_thread_leaves_signals_alone() -> None:
    found: list[Any] = []

    def work() -> None:
        with listening():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


# Of a PPO run of five steps with two updates each; held-out answers are measured in every second.
MOMENTS = {
    "generating": ("rollout.sampled", 4, "checkpoint-3"),
    "scoring": ("rollout.scored", 4, "checkpoint-3"),
    "measuring held-out answers": ("evaluation.scored", 2, "checkpoint-2"),
    "before the first update": ("update.done", 1, "checkpoint-0.0"),
    "between two updates": ("update.done", 8, "checkpoint-3.1"),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_ppo_saves_everything_and_goes_on(
    moment: str, commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    name, times, saved = MOMENTS[moment]
    place = safe_points_before(whole("ppo").passed, name, times)
    root = new_root()
    stopped = commands.stage(
        "ppo", root, interrupt=("safe_point", place, signal.SIGTERM), is_watched=True
    )
    assert stopped.code == 143
    assert "rather: stopped; the same command goes on from here" in stopped.said
    assert stopped.passed.count(name) == times - 1  # it was under way
    assert newest_checkpoint("ppo", root).name == saved
    assert verify(newest_checkpoint("ppo", root)) == []
    again = commands.stage("ppo", root)
    assert (again.code, "going on after step" in again.said) == (0, True)
    assert without_interim(left_by("ppo", root)) == without_interim(whole("ppo").left)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.95])
@pytest.mark.parametrize("stage", ["sft", "reward", "dpo", "ppo"])
def test_a_signal_at_any_safe_point_of_any_stage(
    share: float, stage: str, commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    place = round(share * whole(stage).passed.count("safe_point"))
    root = new_root()
    stopped = commands.stage(stage, root, interrupt=("safe_point", place, signal.SIGINT))
    assert stopped.code == 130
    assert commands.stage(stage, root).code == 0
    assert without_interim(left_by(stage, root)) == without_interim(whole(stage).left)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["checkpoint.weights", "directory.manifest", "metrics.recorded"])
@pytest.mark.parametrize("stage", ["dpo", "ppo"])
def test_what_is_being_written_is_finished_first(
    name: str, stage: str, commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    root = new_root()
    stopped = commands.stage(stage, root, interrupt=(name, 2, signal.SIGTERM))
    assert stopped.code == 143
    assert newest_checkpoint(stage, root).name == "checkpoint-2"
    assert commands.stage(stage, root).code == 0
    assert without_interim(left_by(stage, root)) == without_interim(whole(stage).left)


@pytest.mark.slow
def test_a_version_being_published_is_published(
    commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    root = new_root()
    stopped = commands.stage("ppo", root, interrupt=("version.published", 1, signal.SIGINT))
    assert stopped.code == 130
    again = commands.stage("ppo", root)
    assert (again.code, "ppo-1 is done already." in again.said) == (0, True)
    assert left_by("ppo", root) == whole("ppo").left


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once(
    number: int, commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    root = new_root()
    place = ("checkpoint.weights", 2, signal.SIGTERM, number)
    stopped = commands.stage("ppo", root, interrupt=place, is_watched=True)
    assert (stopped.code, stopped.passed[-1]) == (-number, "checkpoint.weights")
    assert newest_checkpoint("ppo", root).name == "checkpoint-0"
    assert commands.stage("ppo", root).code == 0
    assert left_by("ppo", root) == whole("ppo").left


@pytest.mark.slow
def test_it_takes_seconds(commands: Any, new_root: Callable[[], Path]) -> None:
    root = new_root()
    long = ("--max-new-tokens", "200", "--num-steps", "1000")
    pid = commands.start(*commands.of("ppo", root), *long)
    while not list(root.glob("runs/ppo-*/checkpoint-2")):
        time.sleep(0.05)
    began = time.monotonic()
    commands.kill(pid, signal.SIGTERM)
    assert commands.wait(pid).code == 143
    assert time.monotonic() - began < GRACE_SECONDS


@pytest.mark.slow
def test_a_second_process_is_told_who_is_at_work(
    commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    root = new_root()
    # it stops itself in the middle of the first rollout, and holds the run meanwhile
    first = commands.start(
        *commands.of("ppo", root), interrupt=("rollout.sampled", 1, signal.SIGSTOP)
    )
    while Path(f"/proc/{first}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
        time.sleep(0.05)
    second = commands.stage("ppo", root)
    assert second.code == 5
    assert f"is in use by process {first} on " in second.said
    commands.kill(first, signal.SIGCONT)
    assert commands.wait(first).code == 0
    assert left_by("ppo", root) == whole("ppo").left


def safe_points_before(passed: list[str], name: str, times: int) -> int:
    """How many safe points come before the place `name` is passed for the n-th time."""
    places = [index for index, one in enumerate(passed) if one == name]
    return passed[: places[times - 1]].count("safe_point")


def newest_checkpoint(stage: str, root: Path) -> Path:
    (run,) = [path for path in (root / "runs").iterdir() if path.name.startswith(stage)]
    return max(run.glob("checkpoint-*"), key=lambda path: float(path.name.split("-")[1]))


def without_interim(left: dict[str, Any]) -> dict[str, Any]:
    """What was left behind, whichever checkpoints before the last are still there."""
    return {name: value for name, value in left.items() if name != "checkpoints"}
