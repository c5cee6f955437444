"""One rank leads and the others follow: nothing to train, a fault before it, a rule, torchrun."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TOO_FAR

LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc-per-node=2"],
    "accelerate": [
        "accelerate.commands.launch",
        *("--multi_gpu", "--num_processes=2", "--num_machines=1", "--mixed_precision=no"),
        "--dynamo_backend=no",
    ],
}


def test_where_nothing_is_to_be_trained_the_others_go_home(
    commands: Any, new_root: Callable[[], Path]
) -> None:
    root = new_root()
    first, second = commands.ranks(*commands.of("sft", root), "-n")
    assert (first.code, second.code) == (0, 0)
    assert "would train sft" in first.said
    assert second.said == ""


def test_a_fault_before_training_is_said_once(commands: Any, new_root: Callable[[], Path]) -> None:
    first, second = commands.ranks(*commands.of("sft", new_root()), "--start=nothing-such")
    assert first.code == 2
    assert "nothing-such" in first.said
    assert (second.code, second.said) == (0, "")


def test_a_rule_stops_all_and_the_first_publishes_the_last_good_policy(
    commands: Any, new_root: Callable[[], Path]
) -> None:
    command = [*commands.of("ppo", new_root()), *TOO_FAR]
    first, second = commands.ranks(*command)
    assert first.code == 4, first.said
    assert "ppo-1 is the last good policy, of step 2." in first.said
    assert (second.code, second.said) == (0, "")


def test_more_ranks_than_prompts_are_refused(commands: Any, new_root: Callable[[], Path]) -> None:
    ended = commands.ranks(*commands.of("ppo", new_root()), "--batch-size=2", size=3)
    assert [one.code for one in ended] == [2, 2, 2]
    assert "3 processes were launched, but a step has 2 prompts" in ended[0].said


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_real_launchers(launcher: str, new_root: Callable[[], Path]) -> None:
    root = new_root()

    def launched(verb: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-m",
                *LAUNCHERS[launcher],
                "-m",
                "rather",
                verb,
                "--json",
                f"-w{root}",
            ],
            env={**os.environ, "PYTHONPATH": "src", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )

    refused, trained = launched("status"), launched("sft")
    assert "2 were launched" in refused.stderr
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["version"] == "sft-1"  # one object, though two ran


@pytest.mark.slow
def test_a_script_may_train_one_stage_after_another(
    new_root: Callable[[], Path], tmp_path: Path
) -> None:
    script = tmp_path / "both.py"
    lines = ["import rather", f"ws = rather.open({str(new_root())!r})"]
    lines += [f"print(ws.{stage}().details.get('version'))" for stage in ("sft", "dpo")]
    script.write_text("\n".join(lines))
    ended = subprocess.run(
        [sys.executable, "-m", *LAUNCHERS["torchrun"], str(script)],
        env={**os.environ, "PYTHONPATH": "src", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert sorted(ended.stdout.split()) == ["None", "None", "dpo-1", "sft-1"]
