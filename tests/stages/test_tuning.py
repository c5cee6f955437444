"""The four training stages on a workspace: published, resumed, never done twice, loaded again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rather.durable import verify
from rather.errors import DataError, StoppedByRule, UsageError
from rather.models.library import weights_digest
from rather.pipeline import import_file
from rather.rollout.tables import score_rows
from rather.stages import reinforcing, tuning
from rather.stages.answering import score_texts, to_prompt
from rather.stages.runs import open_library
from rather.store import prompts, runs, versions
from rather.workspace import Workspace

pytestmark = pytest.mark.slow  # they train, again and again

STAGES = ("sft", "reward", "dpo", "ppo")
Result = dict[str, Any]


def train(ws: Workspace, stage: str, dry_run: bool = False, fresh: bool = False) -> Result:
    if stage == "ppo" and ws.config.ppo.reward == "newest" and not versions.all(ws.db, "reward"):
        train(ws, "reward")
    if stage == "ppo":
        return reinforcing.ppo(ws, dry_run=dry_run, fresh=fresh, force=True)
    found: Result = getattr(tuning, stage)(ws, dry_run=dry_run, fresh=fresh)
    return found


def weights_of(ws: Workspace, version: str) -> str:
    folder = ws.models_dir / version
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    assert tensors
    return weights_digest(tensors)


def dies_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let the process be interrupted when it records its n-th step."""
    record, left = runs.record, [steps]

    def dying(*arguments: Any) -> None:
        record(*arguments)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "record", dying)


@pytest.mark.parametrize("stage", STAGES)
def test_a_version_is_published_whole_and_not_made_twice(judged_ws: Workspace, stage: str) -> None:
    made = train(judged_ws, stage)
    name = f"{stage}-1"
    assert (made["version"], made["path"]) == (name, f"models/{name}")
    assert verify(judged_ws.root / made["path"]) == []
    run = runs.get(judged_ws.db, made["run_id"])
    assert run is not None
    assert (run.status, run.stage) == ("done", stage)
    before = len(runs.all(judged_ws.db))
    again = train(judged_ws, stage)
    assert again["summary"] == f"{name} is done already."
    assert len(runs.all(judged_ws.db)) == before
    assert "(done already)" in train(judged_ws, stage, dry_run=True)["summary"]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("steps", [1, 2])
def test_the_same_command_goes_on_and_ends_bit_for_bit_equal(
    new_judged_ws: Callable[..., Workspace],
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    steps: int,
) -> None:
    expected = weights_of(whole := new_judged_ws("whole"), train(whole, stage)["version"])
    ws = new_judged_ws("killed")
    if stage == "ppo":
        train(ws, "reward")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        dies_after(patch, steps)
        train(ws, stage)
    assert versions.newest(ws.db, stage) is None  # type: ignore[arg-type]
    assert [run.status for run in runs.all(ws.db) if run.stage == stage] == ["running"]
    assert weights_of(ws, train(ws, stage)["version"]) == expected


@pytest.mark.parametrize("stage", STAGES)
def test_a_dry_run_changes_nothing(judged_ws: Workspace, stage: str) -> None:
    judged_ws = judged_ws.configured({"ppo": {"reward": "concision"}})
    found = train(judged_ws, stage, dry_run=True)
    assert found["summary"].startswith(f"would train {stage} from base on 8 ")
    assert runs.all(judged_ws.db) == []
    assert not judged_ws.runs_dir.exists()


def test_fresh_trains_the_same_once_more(judged_ws: Workspace) -> None:
    first = train(judged_ws, "sft")
    second = train(judged_ws, "sft", fresh=True)
    assert (first["version"], second["version"]) == ("sft-1", "sft-2")
    assert first["run_id"] == second["run_id"]
    assert weights_of(judged_ws, "sft-1") == weights_of(judged_ws, "sft-2")


def test_what_does_not_fit_is_not_counted_as_learnt(judged_ws: Workspace, tmp_path: Path) -> None:
    asked = prompts.all(judged_ws.db, "train")[0].messages[0].content
    # 300 tokens, and the tiny model's context is 256
    row = {"prompt": asked, "chosen": "y" * 300, "rejected": "no"}
    (file := tmp_path / "long.jsonl").write_text(json.dumps(row), "utf-8")
    import_file(judged_ws, file, "pairs")
    made = train(judged_ws, "reward")
    assert made["left_out"]["longer than the model's context"] == 1
    assert made["metrics"]["num_training_comparisons"] == 8.0
    (version,) = versions.all(judged_ws.db, "reward")
    assert version.provenance["num_judgments"] == 8


def test_the_reward_model_is_measured_on_heldout_pairs(judged_ws: Workspace) -> None:
    ws = judged_ws.configured({"reward": {"num_epochs": 8, "learning_rate": 0.01}})
    metrics = train(ws, "reward")["metrics"]
    assert (metrics["num_training_comparisons"], metrics["num_pairs"]) == (8.0, 3.0)
    assert metrics["accuracy"] == 1.0  # polite answers have `the` in them
    # "Please, the 9." has 11 tokens (` the` is one) and "No way, 9!" 10
    assert (metrics["longer_wins"], metrics["shorter_wins"]) == (1.0, 0.0)


@pytest.mark.parametrize("kind", ["lora", "top_layers", "full"])
def test_every_tuning_can_be_loaded_again(
    new_judged_ws: Callable[..., Workspace], kind: str
) -> None:
    adapter = {"tuning": kind, "num_top_layers": 1, "rank": 4, "alpha": 8.0}
    ws = new_judged_ws().configured(
        {stage: {"adapter": adapter} for stage in ("sft", "reward", "ppo")}
    )
    sft, reward, ppo = (train(ws, stage)["version"] for stage in ("sft", "reward", "ppo"))
    library = open_library(ws)
    assert library.policy(sft).backbone.context == 256
    assert library.policy(ppo).adapter == (None if kind == "full" else "ppo-1")
    assert library.reward_model(reward).head.bias != 0


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_stages_grow_on_an_sft_version(new_judged_ws: Callable[..., Workspace], kind: str) -> None:
    adapter = {"tuning": kind, "rank": 4, "alpha": 8.0}
    ws = new_judged_ws().configured({"sft": {"adapter": adapter, "learning_rate": 0.01}})
    train(ws, "sft")
    ws = ws.configured({stage: {"start": "sft-1"} for stage in ("reward", "dpo", "ppo")})
    for stage in ("reward", "dpo", "ppo"):
        version = train(ws, stage)["version"]
        made = versions.get(ws.db, version)
        assert made is not None
        assert made.parents == (("sft-1", "reward-1") if stage == "ppo" else ("sft-1",))
        loaded = open_library(ws)
        if stage == "reward":
            assert loaded.reward_model(version).adapter == "reward-1"
        else:
            assert loaded.policy(version).backbone is loaded.policy("sft-1").backbone


@pytest.mark.parametrize("value_model", ["adapter", "trunk"])
@pytest.mark.parametrize("reward", ["newest", "concision", "0.5*reward-1 + 0.5*concision"])
def test_every_critic_serves_every_reward(
    judged_ws: Workspace, value_model: str, reward: str
) -> None:
    train(judged_ws, "reward")
    ws = judged_ws.configured({"ppo": {"critic": {"value_model": value_model}, "reward": reward}})
    assert train(ws, "ppo")["metrics"]["val/ratio"] == pytest.approx(1.0, abs=1e-5)
    made = versions.get(ws.db, "ppo-1")
    assert made is not None
    assert made.parents == (() if reward == "concision" else ("reward-1",))


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        ("sft", "There are no demonstrations on training prompts"),
        ("reward", "There are no comparisons on training prompts"),
        ("dpo", "There are no comparisons on training prompts"),
    ],
)
def test_nothing_to_learn_from_is_said(ws: Workspace, stage: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        train(ws, stage)
    with pytest.raises(UsageError, match="This workspace has no reward model yet"):
        reinforcing.ppo(ws, dry_run=False, fresh=False)


def test_an_ensemble_is_one_version_that_goes_on_where_it_stopped(
    new_judged_ws: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = {"reward": {"ensemble": 3}}
    whole, killed = (new_judged_ws(name).configured(ensemble) for name in ("whole", "killed"))
    train(whole, "reward")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        dies_after(patch, 3)  # of two updates a member: in the second member
        train(killed, "reward")
    assert train(killed, "reward")["version"] == "reward-1"
    members = ["reward-1/member-1", "reward-1/member-2", "reward-1/member-3"]
    digests = [weights_of(whole, member) for member in members]
    assert len(set(digests)) == 3
    assert [weights_of(killed, member) for member in members] == digests
    (version,) = versions.all(whole.db, "reward")
    assert version.provenance["ensemble"] == 3
    loaded = open_library(whole).reward_members("reward-1")
    assert len({id(member.backbone) for member in loaded}) == 1
    made = train(whole, "ppo")
    first, *later = (
        value
        for _, name, value in runs.metrics(whole.db, made["run_id"])
        if name == "objective/score_spread"
    )
    assert first > 0 and len(later) == 2
    said = score_texts(whole, "newest", [{"prompt": "Tea?", "completion": "Yes."}])["scores"]
    alone = [
        score_rows(
            member,
            [open_library(whole).codec("base").row(to_prompt("Tea?", 1), (("Yes.", False),))],
            64,
        )[0][0]
        for member in loaded
    ]
    assert said == [pytest.approx(sum(alone) / 3, abs=1e-5)]


def test_a_run_stopped_by_a_rule_is_written_down(
    judged_ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(*_: Any) -> None:
        raise StoppedByRule("enough")

    with monkeypatch.context() as patch, pytest.raises(StoppedByRule):
        patch.setattr(tuning, "train_sft", stopping)
        train(judged_ws, "sft")
    (run,) = runs.all(judged_ws.db)
    assert run.status == "stopped"
    assert run.message == (
        "enough Nothing was published: base, where it began, is the last good one."
    )
    assert train(judged_ws, "sft")["version"] == "sft-1"


def test_what_a_stopped_run_keeps_is_named(
    judged_ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(*_: Any) -> None:
        rule = StoppedByRule("Stopped: enough.")
        rule.kept_step = 2
        raise rule

    monkeypatch.setattr(tuning, "train_sft", stopping)
    for _ in ("as it stops", "when asked again"):
        with pytest.raises(StoppedByRule, match="sft-1 is the last good policy, of step 2") as rule:
            train(judged_ws, "sft")
        assert (rule.value.version, rule.value.kept_step) == ("sft-1", 2)


def test_sft_on_plain_text_from_nothing(judged_ws: Workspace, tiny_model: Path) -> None:
    (judged_ws.root / "book.txt").write_text("the the the " * 40)
    fresh = {"fresh_config": str(tiny_model), "text": "book.txt", "text_block": 16}
    ws = judged_ws.configured({"sft": {**fresh, "adapter": {"tuning": "full"}}})
    assert train(ws, "sft")["version"] == "sft-1"
    ws = ws.configured({"ppo": {"start": "sft-1", "reward": "concision"}})
    assert train(ws, "ppo")["version"] == "ppo-1"
    assert open_library(ws).policy("ppo-1").adapter == "ppo-1"


@pytest.mark.parametrize("stage", ["dpo", "ppo"])
def test_a_full_copy_begins_exactly_where_its_reference_is(
    new_judged_ws: Callable[..., Workspace], stage: str
) -> None:
    """Also where the backbone was loaded in bfloat16 and the copy learns in float32."""
    ws = new_judged_ws(dtype="bfloat16")
    ws = ws.configured({stage: {"adapter": {"tuning": "full"}}, "ppo": {"reward": "concision"}})
    run_id = train(ws, stage)["run_id"]
    first = {name: value for step, name, value in runs.metrics(ws.db, run_id) if step == 0}
    if stage == "ppo":
        assert first["objective/kl_k3"] == 0.0
    else:
        assert first["loss"] == pytest.approx(0.693147, abs=1e-5)
