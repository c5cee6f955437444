"""Promotion: the chosen checkpoint becomes a version, once, and nothing is promoted for nothing."""

from collections.abc import Callable

import pytest
from safetensors.torch import load_file

from rather.durable import verify
from rather.errors import StoppedByRule, UsageError
from rather.stages.evaluating import evaluate_all
from rather.stages.measuring.promoting import promote
from rather.stages.measuring.sweep import sweep
from rather.store import runs, versions
from rather.store.serving import aliases
from rather.training.checkpoints import path_of
from rather.workspace import Workspace


@pytest.fixture
def ppo_ws(new_ppo_ws: Callable[[int], Workspace]) -> Workspace:
    return new_ppo_ws(4)


def test_a_step_becomes_a_version(ppo_ws: Workspace) -> None:
    would = promote(ppo_ws, "ppo-1", step=2, dry_run=True)
    assert would["summary"].endswith("step 2 was asked for. It would become a version.")
    assert [one.name for one in versions.all(ppo_ws.db, "ppo")] == ["ppo-1"]
    result = promote(ppo_ws, "ppo-1", step=2, dry_run=False)
    assert result["promoted"] == "ppo-2"
    assert aliases.in_force(ppo_ws.db) == {}
    made, former = versions.get(ppo_ws.db, "ppo-2"), versions.get(ppo_ws.db, "ppo-1")
    assert made is not None
    assert former is not None
    assert made.parents == ("ppo-1",)
    assert made.provenance["promoted_step"] == 2
    assert made.provenance["promoted_because"] == "step 2 was asked for."
    assert verify(ppo_ws.root / made.path) == []
    run = runs.get(ppo_ws.db, made.run_id)
    assert run is not None
    assert (run.status, run.stage) == ("done", "ppo")
    # its weights are the checkpoint's
    weights = load_file(ppo_ws.root / made.path / "adapter_model.safetensors")
    kept = load_file(path_of(ppo_ws.runs_dir / former.run_id, 2) / "learner.safetensors")
    for name, tensor in weights.items():
        assert tensor.equal(kept[f"weight/{name.removeprefix('base_model.model.')}"])
    # and it answers as the sweep's point did
    point = sweep(ppo_ws, "ppo-1")["points"][1]
    evaluated = evaluate_all(ppo_ws, ["ppo-2"])["models"]["ppo-2"]
    assert (point["step"], evaluated["means"]["gold"]) == (2, pytest.approx(point["means"]["gold"]))
    assert evaluated["kl"] == pytest.approx(point["kl"], abs=1e-5)
    # the same command again makes nothing new
    promote(ppo_ws, "ppo-1", step=2, dry_run=True, alias="prod")
    assert aliases.in_force(ppo_ws.db) == {}
    again = promote(ppo_ws, "ppo-1", step=2, dry_run=False, alias="prod")
    assert (again["promoted"], aliases.in_force(ppo_ws.db)) == ("ppo-2", {"prod": "ppo-2"})
    assert len(versions.all(ppo_ws.db, "ppo")) == 2


def test_the_frontier_chooses(ppo_ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = sweep(ppo_ws, "ppo-1")["chosen"]["step"]

    def take(step: int) -> None:
        said = {
            "chosen": {"step": step, "best": step, "reason": "because."},
            "start": "base",
            "version": "ppo-1",
            "scorers": {"gold": "x"},
            "decided_by": "gold",
            "over_optimised_from": None,
            "points": [],
        }
        monkeypatch.setattr("rather.stages.measuring.promoting.describe", lambda swept: said)

    take(4)
    own = promote(ppo_ws, "ppo-1", step=None, dry_run=False)
    assert own["summary"] == "ppo-1: because. That is ppo-1 itself."
    take(0)
    with pytest.raises(StoppedByRule, match="Nothing is promoted: base, where the run began"):
        promote(ppo_ws, "ppo-1", step=None, dry_run=False)
    take(2)
    assert promote(ppo_ws, "ppo-1", step=None, dry_run=False)["promoted"] == "ppo-2"
    assert chosen in (0, 2, 3, 4)


def test_a_step_that_was_not_kept(ppo_ws: Workspace) -> None:
    for step in (0, 1, 9):
        with pytest.raises(UsageError, match=rf"no checkpoint of step {step}; it has 2, 3, 4"):
            promote(ppo_ws, "ppo-1", step=step, dry_run=False)
