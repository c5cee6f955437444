"""A kill at any moment of a training stage, then the same command: the same, bit for bit.

Every stage passes failpoints; which ones, a first run tells, so that a new one is tried by itself.
Nothing random is in a checkpoint, because draws follow from seeds and step numbers alone.
"""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather.failpoints import FAILPOINTS, TRAINING_FAILPOINTS
from tests.conftest import TOO_FAR

STAGES = {"sft": 6, "reward": 6, "dpo": 6, "ppo": 5}
"""Each with the number of its steps; a checkpoint is made after every second one, and the last."""

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stage", STAGES)
def test_an_uninterrupted_run_is_worth_comparing(stage: str, whole: Any) -> None:
    left = whole(stage).left
    name, files = left["last"]
    assert name == f"checkpoint-{STAGES[stage]}"
    assert files.keys() > {"learner.safetensors", "state.json"}
    assert "adapter_model.safetensors" in left["version"][2]
    assert {step for step, _, _ in left["metrics"]} == set(range(STAGES[stage]))
    assert (left["status"], left["leftovers"]) == ([("done", "")], [])


def test_alarms_are_among_what_is_compared(whole: Any) -> None:
    assert {rule for _, rule, *_ in whole("ppo").left["alarms"]} >= {"target_kl"}


@pytest.mark.parametrize("name", FAILPOINTS + TRAINING_FAILPOINTS)
def test_a_kill_at_every_failpoint(
    name: str, commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    passing = {stage: whole(stage).passed.count(name) for stage in STAGES}
    assert any(passing.values()), f"no stage passes {name}: nothing can prove that it survives"
    for stage in (stage for stage, times in passing.items() if times):
        root, middle = new_root(), f"{name}:kill:{passing[stage] // 2 + 1}"
        killed = commands.stage(stage, root, failpoint=middle)
        assert killed.code == -signal.SIGKILL, killed.said
        if stage == "ppo":  # and once more, as it goes on
            again = commands.stage(stage, root, failpoint=f"{name}:kill")
            assert again.code in (-signal.SIGKILL, 0), again.said
        assert commands.stage(stage, root).code == 0
        assert left_by(stage, root) == whole(stage).left, f"{stage}, killed at {name}"


@pytest.mark.parametrize("stage", STAGES)
def test_kills_at_random_times(
    stage: str, commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    rng, root = random.Random(stage), new_root()
    began = time.monotonic()
    assert commands.stage(stage, new_root()).code == 0
    seconds = time.monotonic() - began  # on this machine, now
    ended = None
    for _ in range(12):
        pid = commands.start(*commands.of(stage, root))
        time.sleep(rng.uniform(0.1, 1.0) * seconds)
        commands.kill(pid, signal.SIGKILL)
        ended = commands.wait(pid)
        assert ended.code in (-signal.SIGKILL, 0), ended.said
        if ended.code == 0:
            break
    if ended is None or ended.code:
        assert commands.stage(stage, root).code == 0
    assert left_by(stage, root) == whole(stage).left


@pytest.mark.parametrize("name", ["checkpoint.weights", *FAILPOINTS])
def test_a_full_disk_at_every_write(
    name: str, commands: Any, new_root: Callable[[], Path], whole: Any, left_by: Any
) -> None:
    root, middle = new_root(), whole("sft").passed.count(name) // 2 + 1
    full = commands.stage("sft", root, failpoint=f"{name}:enospc:{middle}")
    assert full.code == 5
    assert "rather: disk full: " in full.said
    assert "Traceback" not in full.said
    assert commands.stage("sft", root).code == 0
    assert left_by("sft", root) == whole("sft").left


@pytest.mark.parametrize(
    "place", ["rollout.scored:kill:5", "version.published:kill", "version.registered:kill"]
)
def test_a_kill_while_a_rule_stops_the_run(
    place: str, commands: Any, new_root: Callable[[], Path], left_by: Any
) -> None:
    found = []
    for failpoint in ("", place):
        root = new_root()
        command = [*commands.of("ppo", root), *TOO_FAR]
        if failpoint:
            assert commands(*command, failpoint=failpoint).code == -signal.SIGKILL
        ended = commands(*command)
        assert ended.code == 4
        assert "ppo-1 is the last good policy, of step 2." in ended.said
        found.append(left_by("ppo", root))
    assert found[0] == found[1]
    [(status, message)] = found[0]["status"]
    assert (status, "ppo-1 is the last good policy" in message) == ("stopped", True)


def test_a_kill_and_a_signal_on_the_embedded_model(
    commands: Any, tmp_path: Path, left_by: Any
) -> None:
    settings = {
        "reward": "vader",
        "num-steps": "2",
        "batch-size": "2",
        "num-completions": "2",
        "max-new-tokens": "8",
        "num-epochs": "2",
        "adapter.tuning": "top_layers",
    }
    flags = [f"--ppo.{name}={value}" for name, value in settings.items()]
    asked = tmp_path / "asked.jsonl"
    asked.write_text("".join(f'{{"prompt": "Say something nice, {n}."}}\n' for n in range(8)))
    roots = [tmp_path / "whole", tmp_path / "killed"]
    for root in roots:
        assert commands("init", str(root), "--heldout-fraction=0", *flags).code == 0
        assert commands("import", str(asked), "--as", "prompts", "-w", str(root)).code == 0
    assert commands.stage("ppo", roots[0]).code == 0
    killed = commands.stage("ppo", roots[1], failpoint="update.gradient:kill:3")
    assert killed.code == -signal.SIGKILL
    # it goes on in the second step; of that one's two updates the first is done when it stops
    stopped = commands.stage("ppo", roots[1], interrupt=("update.gradient", 1, signal.SIGTERM))
    assert stopped.code == 143
    assert [*roots[1].glob("runs/ppo-*/checkpoint-1.1")]
    assert commands.stage("ppo", roots[1]).code == 0
    whole, resumed = (left_by("ppo", root) for root in roots)
    assert {**resumed, "checkpoints": None} == {**whole, "checkpoints": None}
