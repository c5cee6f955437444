"""The loop in order: rounds, where it waits for people, and what comes next."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rather import pipeline
from rather.config.loading import load
from rather.errors import DataError, UsageError
from rather.feedback.events import new_judgment
from rather.feedback.pair import Pair
from rather.progress import Progress
from rather.records import Completion, Labeller, Message, ModelVersion, Prompt, Run
from rather.store import completions, judgments, labellers, prompts, runs, versions
from rather.store.copying import copy_database
from rather.workspace import Workspace

ANN = Labeller("ann", "Ann", is_simulated=False)
SMALL = {"rank": 4}
SETTINGS = {
    "dtype": "float32",
    "heldout_fraction": 0.3,
    "sample": {"num_completions": 2, "max_new_tokens": 6},
    "rules": {"contains": ["e"]},
    "reward": {"adapter": SMALL},
    "ppo": {"num_steps": 1, "batch_size": 2, "max_new_tokens": 4, "adapter": SMALL},
    "evaluate": {"max_new_tokens": 6},
}
NewWorkspace = Callable[..., Workspace]


@pytest.fixture
def new_ws(tmp_path: Path, tiny_model: Path) -> Iterator[NewWorkspace]:
    made: list[Workspace] = []

    def make(**settings: Any) -> Workspace:
        config = load(None, {"model": str(tiny_model), **SETTINGS, **settings})
        made.append(Workspace.create(tmp_path / "mine", config, Progress(quiet=True)))
        return made[-1]

    yield make
    for ws in made:
        ws.close()


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    file = tmp_path / "ten.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"Why {n}?"}) + "\n" for n in range(10)))
    return file


def a_prompt() -> Prompt:
    return Prompt("p_1", (Message("user", "Why?"),), "train")


def a_version(stage: str) -> ModelVersion:
    return ModelVersion(
        f"{stage}-1", stage, "embedded", (), f"{stage}-run", f"models/{stage}-1", "now"
    )  # type: ignore[arg-type]


def judge(ws: Workspace) -> None:
    """One prompt, two answers, one judgment by a person."""
    left, right = Completion("c_1", "p_1", "Because.", "base"), Completion("c_2", "p_1", "No.", "m")
    completions.add(ws.db, [left, right])
    labellers.add(ws.db, [ANN])
    judgments.record_many(ws.db, [new_judgment("p_1", ANN, Pair("c_1", "c_2", "A"))])


def next_of(ws: Workspace) -> str:
    said: str = pipeline.status(ws)["next"]
    return said


def test_status_leads_through_the_loop(new_ws: NewWorkspace) -> None:
    ws = new_ws()
    assert next_of(ws) == "rather import FILE"
    prompts.add(ws.db, [a_prompt()])
    assert next_of(ws) == "rather sample"
    completions.add(ws.db, [Completion("c_0", "p_1", "So.", "base")])
    assert next_of(ws) == "rather label"
    judge(ws)
    assert next_of(ws) == "rather reward"
    runs.start(ws.db, Run("reward-run", "reward", {}, "", "running", "2026-01-01"))
    assert next_of(ws) == "rather reward (goes on where it stopped)"
    runs.finish(ws.db, "reward-run", "done")
    versions.register(ws.db, a_version("reward"))
    assert next_of(ws) == "rather ppo"
    runs.start(ws.db, Run("dpo-run", "dpo", {}, "", "running", "2026-01-02"))
    runs.finish(ws.db, "dpo-run", "done")
    versions.register(ws.db, a_version("dpo"))
    assert next_of(ws) == "rather evaluate"
    runs.start(ws.db, Run("evaluate-run", "evaluate", {}, "", "running", "2026-01-03"))
    runs.finish(ws.db, "evaluate-run", "done")
    assert next_of(ws) == "rather report"
    assert pipeline.status(ws)["summary"] == (
        "1 prompts, 3 completions, 1 judgments by people and 0 simulated, 2 model versions. "
        "Next: rather report"
    )


def test_people_and_simulators_are_counted_apart(new_ws: NewWorkspace, ten: Path) -> None:
    ws = new_ws(label={"simulate": "rules"})
    prompts.add(ws.db, [a_prompt()])
    judge(ws)
    pipeline.label(ws)
    assert pipeline.status(ws)["judgments"]["pair"] == {"people": 1, "simulated": 1}


def test_an_import_tried_out_stores_nothing(new_ws: NewWorkspace, ten: Path) -> None:
    ws = new_ws()
    tried = pipeline.import_file(ws, ten, dry_run=True)
    assert (tried["kind"], tried["prompts"]) == ("prompts", 10)
    assert prompts.count(ws.db) == {"train": 0, "heldout": 0}
    assert pipeline.import_file(ws, ten)["new_prompts"] == 10
    assert pipeline.import_file(ws, ten)["new_prompts"] == 0


def test_without_prompts_there_is_nothing_to_sample(new_ws: NewWorkspace) -> None:
    with pytest.raises(DataError, match="There are no prompts yet; bring some with `rather import"):
        pipeline.sample(new_ws())


def test_an_export_says_what_it_left_out(new_ws: NewWorkspace, tmp_path: Path) -> None:
    ws = new_ws()
    prompts.add(ws.db, [a_prompt()])
    judge(ws)
    result = pipeline.export(ws, "trl", tmp_path / "out")
    assert result["counts"] == {"pairs.jsonl": 1, "sft.jsonl": 0, "kto.jsonl": 0}
    assert result["summary"].endswith(": 1 pairs.jsonl, 0 sft.jsonl, 0 kto.jsonl.")
    assert result["dropped"]["sft.jsonl"] == {"a pair demonstrates nothing": 1}


def test_the_loop_waits_for_people_and_goes_on(new_ws: NewWorkspace, ten: Path) -> None:
    ws = new_ws(run={"min_judgments": 1, "stages": ["label", "report"]})
    stopped = pipeline.run(ws)
    assert stopped["waits_for"] == "judgments"
    assert stopped["summary"].startswith("Waiting for people: 0 of 1 judgments are there.")
    prompts.add(ws.db, [a_prompt()])
    judge(ws)
    went_on = pipeline.run(ws)
    assert [one["stage"] for one in went_on["rounds"]] == ["label", "report"]


def test_the_second_round_begins_from_the_first_ones_policy(
    new_ws: NewWorkspace, ten: Path
) -> None:
    ws = new_ws(label={"simulate": "rules"}, run={"rounds": 2, "force": True})
    pipeline.import_file(ws, ten)
    done = pipeline.run(ws)["rounds"]
    stages = ["sample", "choose", "label", "reward", "ppo", "evaluate", "report"]
    assert [(one["round"], one["stage"]) for one in done] == [
        (number, stage) for number in (1, 2) for stage in stages
    ]
    assert set(pipeline.status(ws)["completions"]) >= {"base", "ppo-1"}
    second = versions.get(ws.db, "ppo-2")
    assert second is not None
    assert second.parents == ("ppo-1", "reward-2")


def test_nothing_trained_cannot_be_evaluated(new_ws: NewWorkspace) -> None:
    with pytest.raises(UsageError, match="no version to evaluate yet; train one with `rather ppo`"):
        pipeline.evaluate(new_ws())


def test_the_whole_loop_on_a_server_tells_nobody_its_password(
    new_ws: NewWorkspace, ten: Path, new_url: Callable[[], str]
) -> None:
    # the tests' server asks nobody for a password, so any will do
    url = new_url().replace("rather@", "rather:hush-hush@")
    ws = new_ws(database=url, label={"simulate": "rules"}, run={"force": True})
    pipeline.import_file(ws, ten)
    done = pipeline.run(ws)
    assert [one["stage"] for one in done["rounds"]][-2:] == ["evaluate", "report"]
    assert pipeline.status(ws)["versions"] == ["reward-1", "ppo-1"]
    assert not (ws.root / "rather.db").exists()
    told = [path for path in ws.root.rglob("*") if path.is_file()]
    assert {path.name for path in told} >= {"report.html", "adapter_model.safetensors"}
    assert [path.name for path in told if b"hush-hush" in path.read_bytes()] == ["rather.yaml"]
    rows = [run.config for run in runs.all(ws.db)]
    rows += [version.provenance for version in versions.all(ws.db)]
    assert len(rows) > 3
    assert "hush-hush" not in json.dumps([rows, done, pipeline.status(ws)])


def test_a_run_stays_the_same_run_when_the_database_moves(
    new_ws: NewWorkspace, ten: Path, new_url: Callable[[], str]
) -> None:
    ws = new_ws(label={"simulate": "rules"})
    pipeline.import_file(ws, ten)
    pipeline.sample(ws)
    pipeline.label(ws)
    pipeline.reward(ws)
    url = new_url()
    copy_database(ws.db, url, ws.progress)
    with Workspace.open(ws.root, {"database": url}, Progress(quiet=True)) as moved:
        assert "done already" in pipeline.reward(moved)["summary"]
        assert [version.name for version in versions.all(moved.db)] == ["reward-1"]
        assert len(runs.all(moved.db)) == len(runs.all(ws.db))
