"""The commands that build a version again: given as they are printed, they make the same run."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from rather.cli import late
from rather.cli.app import main
from rather.stages import tuning
from rather.stages.history.rebuilding import commands
from rather.store import versions
from rather.workspace import Workspace


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"reward": {"margin": False, "ensemble": 2, "learning_rate": 1e-5, "ties": "drop"}},
        {"reward": {"adapter": {"target_modules": ["q_proj", "v_proj"], "rank": 2}, "seed": 3}},
        {"seed": 5},
    ],
    ids=str,
)
def test_a_command_names_the_very_run(
    new_judged_ws: Callable[..., Workspace],
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ws = new_judged_ws()
    tuning.reward(ws.configured(settings), dry_run=False, fresh=False)
    (version,) = versions.all(ws.db, "reward")
    (command,) = commands(ws, ["reward-1"])
    assert (command == "rather reward") == (settings == {})
    told = []

    class Pipeline:
        def reward(self, at: Workspace, **how: Any) -> dict[str, Any]:
            told.append(tuning.reward(at, **how))
            return told[-1]

    monkeypatch.setattr(late, "pipeline", Pipeline)
    assert main([*shlex.split(command)[1:], "-w", str(ws.root), "-n"]) == 0
    assert told[0]["run_id"] == version.run_id
    assert told[0]["summary"].endswith("(done already).")


def test_names_follow_those_who_took_their_place(family: Workspace) -> None:
    assert commands(family, ["ppo-2"]) == [
        "rather ppo --ppo.start ppo-1 --ppo.reward '0.5*reward-2' --ppo.num-steps 9"
    ]
    assert commands(family, ["ppo-1", "ppo-2"]) == [
        "rather ppo --ppo.reward reward-1",
        "rather ppo --ppo.start ppo-3 --ppo.reward '0.5*reward-2' --ppo.num-steps 9",
    ]
    assert commands(family, []) == []
