"""Runs are known by their inputs; a version is its folder first, then its entry."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rather.config.stages import SFT
from rather.durable import verify
from rather.errors import EnvironmentFault, StoppedByRule, UsageError
from rather.models.source import read_json
from rather.records import ModelVersion
from rather.stages import tuning
from rather.stages.runs import (
    Plan,
    finished_version,
    open_library,
    policy_name,
    publish,
    reward_name,
    running,
)
from rather.store import runs, versions
from rather.tracking.trackers import OPENERS, About
from rather.workspace import Workspace

PLAN = Plan("sft", SFT(), "embedded", "base", (), [["p1", "text"]], seed=0)


@pytest.mark.parametrize(
    "changed",
    [
        {"section": SFT(learning_rate=0.5)},
        {"model": "other"},
        {"start": "sft-1"},
        {"parents": ("reward-1",)},
        {"data": [["p1", "text."]]},
        {"seed": 1},
        {"stage": "dpo"},
    ],
    ids=str,
)
def test_any_other_input_is_another_run(changed: dict[str, Any]) -> None:
    assert replace(PLAN, **changed).run_id != PLAN.run_id
    assert replace(PLAN, data=[["p1", "text"]]).run_id == PLAN.run_id


def test_a_run_id_is_the_same_in_every_process() -> None:
    # printf '%s' '[["p1", "text"]]' | sha256sum
    assert PLAN.data_digest[:10] == "b1710d2bee"
    assert re.fullmatch("sft-[0-9a-f]{10}", PLAN.run_id)


def published(ws: Workspace, plan: Plan = PLAN, content: str = "w") -> ModelVersion:
    def write(folder: Path) -> None:
        (folder / "weights").write_text(content)

    return publish(ws, open_library(ws), plan, write, {"loss": 1.0})


def test_a_version_says_where_it_comes_from(ws: Workspace) -> None:
    made = published(ws, replace(PLAN, parents=("sft-0",)))
    folder = ws.root / made.path
    assert (made.name, made.path, made.parents) == ("sft-1", "models/sft-1", ("sft-0",))
    assert verify(folder) == []
    assert versions.get(ws.db, "sft-1") == made
    card = read_json(folder / "rather.json")
    assert card == made.provenance
    assert card["data_digest"] == PLAN.data_digest
    assert card["section"]["learning_rate"] == SFT().learning_rate
    assert {"python", "rather", "torch", "transformers"} <= card["software"].keys()
    readme = (folder / "README.md").read_text()
    assert readme.startswith("---\nbase_model: embedded\nlibrary_name: peft\n")
    assert "| loss | 1 |" in readme


def test_names_count_on(ws: Workspace) -> None:
    names = [published(ws, replace(PLAN, seed=seed)).name for seed in range(3)]
    assert names == ["sft-1", "sft-2", "sft-3"]
    assert published(ws, replace(PLAN, stage="dpo")).name == "dpo-1"
    found = finished_version(ws, replace(PLAN, seed=1))
    assert found is not None
    assert found.name == "sft-2"
    assert finished_version(ws, replace(PLAN, seed=9)) is None


def test_a_crash_between_folder_and_entry_is_survived(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(versions, "register", dying)
        published(ws)
    assert verify(ws.models_dir / "sft-1") == []
    assert versions.all(ws.db) == []
    assert published(ws, content="written again").name == "sft-1"
    assert (ws.models_dir / "sft-1" / "weights").read_text() == "w"  # it was whole
    assert [version.name for version in versions.all(ws.db)] == ["sft-1"]


def test_another_runs_orphan_is_set_aside(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(versions, "register", dying)
        published(ws, content="orphan")
    other = replace(PLAN, seed=1)
    assert published(ws, other, "mine").name == "sft-1"
    assert (ws.models_dir / "sft-1" / "weights").read_text() == "mine"
    aside = ws.models_dir / f".orphan-sft-1-{other.run_id}"
    assert (aside / "weights").read_text() == "orphan"


def test_a_damaged_folder_without_entry_is_made_again(ws: Workspace) -> None:
    (ws.models_dir / "sft-1").mkdir(parents=True)
    (ws.models_dir / "sft-1" / "weights").write_text("torn")
    published(ws, content="whole")
    assert (ws.models_dir / "sft-1" / "weights").read_text() == "whole"
    assert verify(ws.models_dir / "sft-1") == []


def status_of(ws: Workspace) -> tuple[str, str]:
    run = runs.get(ws.db, PLAN.run_id)
    assert run is not None
    return run.status, run.message


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (StoppedByRule("enough"), "stopped", "enough"),
        (ValueError("odd"), "failed", "ValueError: odd"),
        (KeyboardInterrupt(), "running", ""),  # it goes on with the same command
    ],
)
def test_how_a_run_ends_is_written_down(
    ws: Workspace, error: BaseException, status: str, message: str
) -> None:
    with pytest.raises(type(error)), running(ws, PLAN, fresh=False):
        raise error
    assert status_of(ws) == (status, message)
    with running(ws, PLAN, fresh=False) as run:
        assert status_of(ws) == ("running", "")
        run.record(0, {"loss": 0.5})
    assert status_of(ws) == ("done", "")
    assert runs.metrics(ws.db, PLAN.run_id) == [(0, "loss", 0.5)]


def test_fresh_forgets_checkpoints(ws: Workspace) -> None:
    with running(ws, PLAN, fresh=False) as run:
        (run.directory / "checkpoint-3").mkdir()
        (run.directory / "notes.txt").write_text("kept")
    with running(ws, PLAN, fresh=True) as run:
        assert not list(run.directory.glob("checkpoint-*"))
        assert (run.directory / "notes.txt").exists()


def test_a_run_has_one_process(ws: Workspace) -> None:
    with (
        running(ws, PLAN, fresh=False),
        pytest.raises(EnvironmentFault, match="is in use by process"),
        running(ws, PLAN, fresh=False),
    ):
        pytest.fail("two processes in one run")


def test_newest_names(ws: Workspace, new_ws: Callable[..., Workspace]) -> None:
    assert policy_name(ws, "newest") == "base"
    with pytest.raises(UsageError, match="no reward model yet"):
        reward_name(ws, "newest")
    for stage in ("sft", "ppo", "reward", "dpo", "reward"):
        published(ws, replace(PLAN, stage=stage))  # type: ignore[arg-type]
    assert policy_name(ws, "newest") == "dpo-1"
    assert reward_name(ws, "newest") == "reward-2"
    assert (policy_name(ws, "sft-1"), reward_name(ws, "reward-1")) == ("sft-1", "reward-1")
    assert policy_name(new_ws("other"), "newest") == "base"


def test_a_run_tells_its_trackers_by_the_metrics_own_names(
    new_judged_ws: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, dict[str, float]]] = []

    class Notes:
        def __init__(self, about: About) -> None:
            assert (about.project, about.config["batch_size"]) == ("mine", 4)

        def log(self, step: int, metrics: dict[str, float]) -> None:
            told.append((step, metrics))

        def close(self) -> None:
            told.append((-1, {}))

    def broken(about: About) -> Notes:
        raise ConnectionError("no network")

    monkeypatch.setitem(OPENERS, "tensorboard", Notes)
    monkeypatch.setitem(OPENERS, "wandb", broken)
    ws = new_judged_ws(track={"to": ["tensorboard", "wandb"]})
    made = tuning.reward(ws, dry_run=False, fresh=False)
    steps = {step for step, _, _ in runs.metrics(ws.db, made["run_id"])}
    assert {step for step, _ in told} == steps | {-1}
    assert told[-1] == (-1, {})
    assert {"loss", "accuracy", "lr"} <= told[0][1].keys()
