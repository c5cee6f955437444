"""What was trained against what is there now."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rather.doctor.finding import Finding
from rather.doctor.patient import NotYet
from rather.errors import UsageError
from rather.records import ModelVersion
from rather.stages.runs import open_library
from rather.store import versions
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]
NewWs = Callable[..., Workspace]
ModelWith = Callable[..., Path]


def register(ws: Workspace, stage: str = "ppo", **provenance: Any) -> None:
    """A version that was trained on what is there now, but for some of its provenance."""
    now = {"codec_fingerprint": open_library(ws).codec("base").fingerprint}
    version = ModelVersion(
        f"{stage}-1",
        stage,
        ws.config.model,
        (),
        "run",
        f"models/{stage}-1",
        "now",  # type: ignore[arg-type]
    )
    versions.register(ws.db, replace(version, provenance=now | provenance))


@pytest.mark.parametrize("name", ["template", "base weights"])
def test_before_training_there_is_nothing_to_compare(ws: Workspace, look: Look, name: str) -> None:
    with pytest.raises(NotYet, match="nothing has been trained"):
        look(ws, name)


def test_what_is_trained_here_fits(
    judged_ws: Workspace, look: Look, trained: Callable[..., str]
) -> None:
    trained(judged_ws, "reward")
    for name in ("template", "base weights", "reward's tokenizer"):
        assert look(judged_ws, name).severity == "ok"


def test_another_system_prompt_is_found(
    new_judged_ws: NewWs, look: Look, trained: Callable[..., str]
) -> None:
    ws = new_judged_ws()
    trained(ws, "reward")
    changed = ws.configured({"system_prompt": "Be brief."})
    found = look(changed, "template")
    assert found.severity == "problem"
    assert found.found.startswith("1 of 1 versions were trained with another tokenizer, chat")
    then, now = (open_library(one).codec("base").fingerprint for one in (ws, changed))
    assert found.shown == (f"reward-1: then {then}, now {now}",)


def test_other_base_weights_are_found(ws: Workspace, look: Look) -> None:
    register(ws, base_fingerprint="0123456789abcdef")
    found = look(ws, "base weights")
    assert found.severity == "problem"
    assert found.shown == (f"ppo-1 on {ws.config.model}",)


def test_a_base_that_is_gone_is_named_with_its_version(
    ws: Workspace, look: Look, tmp_path: Path
) -> None:
    register(ws)
    gone = ModelVersion("dpo-1", "dpo", "no/such/folder", (), "run", "models/dpo-1", "now")
    versions.register(ws.db, gone)
    with pytest.raises(UsageError, match="dpo-1: There is no model named no/such/folder"):
        look(ws, "template")


def test_the_first_prompt_is_shown_as_the_model_sees_it(new_judged_ws: NewWs, look: Look) -> None:
    found = look(new_judged_ws(system_prompt="Be brief."), "system prompt")
    assert found.severity == "ok"
    assert found.shown == (
        "“<|start|>system\\nBe brief.<|end|>\\n<|start|>user\\nQuestion 0?<|end|>\\n<|start|>"
        "assistant\\n”",
    )


def test_a_template_that_drops_the_system_prompt_is_found(
    new_judged_ws: NewWs, model_with: ModelWith, look: Look
) -> None:
    deaf = "<|start|>{{ messages[-1].content }}<|end|>"
    model = str(model_with(chat_template=deaf))
    found = look(new_judged_ws(model=model, system_prompt="Be brief."), "system prompt")
    assert found.severity == "problem"
    assert found.shown == ("<|start|>Question 0?<|end|>",)


@pytest.mark.parametrize(("system_prompt", "severity"), [(None, "ok"), ("Be brief.", "problem")])
def test_without_a_template_a_system_prompt_is_never_said(
    new_judged_ws: NewWs,
    model_with: ModelWith,
    look: Look,
    system_prompt: str | None,
    severity: str,
) -> None:
    model = str(model_with(chat_template=None))
    ws = new_judged_ws(model=model, system_prompt=system_prompt)
    assert look(ws, "system prompt").severity == severity


def test_a_reward_model_with_another_template_reads_texts(
    judged_ws: Workspace, model_with: ModelWith, look: Look
) -> None:
    register(judged_ws, "reward")
    other = model_with(chat_template="{{ messages[-1].content }}<|end|>")
    changed = judged_ws.configured({"ppo": {"start": str(other)}})
    found = look(changed, "reward's tokenizer")
    assert found.severity == "note"
    assert found.found.startswith(f"reward-1 and {other} have different tokenizers")
