"""A run is known by everything it learns from: change any of it, and nothing is gone on with."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from rather.data.identity import prompt_id
from rather.records import Message, Prompt
from rather.stages import reinforcing, tuning
from rather.store import prompts
from rather.workspace import Workspace

STAGES = {
    "sft": tuning.sft,
    "reward": tuning.reward,
    "dpo": tuning.dpo,
    "ppo": reinforcing.ppo,
}
REWARD = "my_reward:of_words"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a Python reward in it."""
    (tmp_path / "my_reward.py").write_text("def of_words(prompt, completion):\n    return 1.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_reward", raising=False)  # of another test's folder
    return tmp_path


def run_id(ws: Workspace, stage: str, **overrides: Any) -> str:
    """Of what the stage would do now."""
    asked = {"ppo": {"reward": REWARD}} if stage == "ppo" else {}
    asked = {**asked, **overrides}
    found = STAGES[stage](ws.configured(asked), dry_run=True, fresh=False)
    return str(found["run_id"])


@pytest.mark.parametrize("stage", STAGES)
def test_other_weights_are_another_run(
    stage: str, new_judged_ws: Callable[..., Workspace], tiny_model: Path, folder: Path
) -> None:
    own = Path(shutil.copytree(tiny_model, folder / "model"))
    ws = new_judged_ws(model=str(own))
    before = run_id(ws, stage)
    assert run_id(ws, stage) == before
    weights = load_file(own / "model.safetensors")
    weights["model.embed_tokens.weight"][0, 0] += 1
    save_file(weights, own / "model.safetensors", metadata={"format": "pt"})
    assert run_id(ws, stage) != before


@pytest.mark.parametrize("stage", STAGES)
def test_another_precision_or_system_prompt_is_another_run(
    stage: str, judged_ws: Workspace, folder: Path
) -> None:
    changes: list[dict[str, Any]] = [{}, {"dtype": "bfloat16"}, {"system_prompt": "Be kind."}]
    assert len({run_id(judged_ws, stage, **change) for change in changes}) == 3


def test_another_reward_is_another_run(judged_ws: Workspace, folder: Path) -> None:
    before = run_id(judged_ws, "ppo")
    (folder / "my_reward.py").write_text("def of_words(prompt, completion):\n    return 2.0\n")
    assert run_id(judged_ws, "ppo") != before
    by_rules = [
        run_id(judged_ws, "ppo", ppo={"reward": "rules"}, rules={"max_words": words})
        for words in (5, 6)
    ]
    assert len({before, *by_rules}) == 3
    # rules that nobody asks change nothing
    changed = run_id(judged_ws, "ppo", rules={"max_words": 5})
    assert changed == run_id(judged_ws, "ppo", rules={"max_words": 6})


def test_other_held_out_prompts_are_another_run_where_they_are_looked_at(
    judged_ws: Workspace, folder: Path
) -> None:
    watched = {"reward": REWARD, "rules": {"heldout_reward": "vader"}}
    before = run_id(judged_ws, "ppo"), run_id(judged_ws, "ppo", ppo=watched)
    messages = (Message("user", "One more question?"),)
    prompts.add(judged_ws.db, [Prompt(prompt_id(messages), messages, "heldout")])
    after = run_id(judged_ws, "ppo"), run_id(judged_ws, "ppo", ppo=watched)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
