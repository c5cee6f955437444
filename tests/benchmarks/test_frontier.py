"""The frontier's stages on the tiny model; what a rule stops is shown as such."""

import json
from pathlib import Path
from typing import Any

import pytest

import frontier
from frontier import Size, frontier_config, main, tune
from rather.config.optimization import Adapter
from rather.errors import StoppedByRule
from rather.progress import Progress

SMALLEST = Size(12, 4, 1, (1, 2), (0.1,), (0.3,))


class Stopping:
    """A project whose DPO is stopped and leaves a version, and whose PPO leaves none."""

    progress = Progress(quiet=True)

    @property
    def workspace(self) -> "Stopping":
        return self

    def dpo(self, beta: float) -> None:
        rule = StoppedByRule("Stopped: enough.")
        rule.version = f"dpo-{beta:g}"
        raise rule

    def ppo(self, kl_coefficient: float) -> None:
        raise StoppedByRule("Stopped: nothing good.")


def test_what_a_rule_stopped_is_shown_as_such() -> None:
    project: Any = Stopping()
    assert list(tune(project, Size(1, 1, 1, (1,), (0.1,), (3.0,)))) == [
        ("dpo-3", {"method": "dpo", "setting": 3.0, "stopped": "Stopped: enough."})
    ]


@pytest.mark.slow
def test_one_seed_after_another(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = frontier_config(SMALLEST, 0)
    adapter = Adapter(tuning="top_layers", num_top_layers=1)
    tiny = config.model_copy(
        update={
            "model": str(tiny_model),
            "dtype": "float32",
            # what the tiny model says has no sentiment, and ties teach DPO nothing
            "label": config.label.model_copy(update={"simulate": "concision"}),
            "ppo": config.ppo.model_copy(update={"adapter": adapter, "num_minibatches": 1}),
            "dpo": config.dpo.model_copy(update={"adapter": adapter}),
        }
    )
    monkeypatch.setattr(frontier, "QUICK", SMALLEST)
    monkeypatch.setattr(frontier, "frontier_config", lambda size, seed: tiny)
    main(["--quick", "--json", "--workspaces", str(tmp_path)])
    first = json.loads(capsys.readouterr().out)
    methods = [(one["method"], one["setting"]) for one in first["points"]]
    assert methods == [
        ("best-of-n", 1), ("best-of-n", 2), ("base", None), ("ppo", 0.1), ("dpo", 0.3)
    ]  # fmt: skip
    assert all(-1 <= one["gold"] <= 1 for one in first["points"])
    assert [one["kl"] for one in first["points"]][2] == pytest.approx(0, abs=1e-6)
    (path,) = first["paths"]
    assert len(path["kl"]) == len(path["gold"]) == SMALLEST.num_steps
    main(["--quick", "--json", "--workspaces", str(tmp_path)])  # nothing is left to do
    assert json.loads(capsys.readouterr().out)["points"] == first["points"]
