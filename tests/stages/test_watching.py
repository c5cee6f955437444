"""Which prompts a stage is watched by, and that its answers and its speed are kept."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.records import Message, Prompt
from rather.stages import reinforcing, tuning
from rather.store import glimpses, prompts, runs, versions
from rather.workspace import Workspace

STAGES: dict[str, Callable[..., Any]] = {
    "sft": tuning.sft,
    "dpo": tuning.dpo,
    "ppo": reinforcing.ppo,
}
WATCH = {"num_prompts": 4, "every": 2, "every_updates": 2, "max_new_tokens": 5}


def trained(ws: Workspace, stage: str, **watch: int) -> str:
    """Run the stage; its run's id."""
    ws = ws.configured({"ppo": {"reward": "vader"}, "watch": {**WATCH, **watch}})
    result = STAGES[stage](ws, dry_run=False, fresh=False)
    return str(result["run_id"])


@pytest.mark.parametrize(("stage", "last"), [("sft", 2), ("dpo", 2), ("ppo", 3)])
def test_the_same_prompts_are_asked_again(judged_ws: Workspace, stage: str, last: int) -> None:
    seen = glimpses.of_run(judged_ws.db, trained(judged_ws, stage))
    asked = [one.id for one in prompts.all(judged_ws.db, "heldout")]
    asked += [prompts.all(judged_ws.db, "train")[0].id]
    # eight training rows in batches of four are two updates; ppo has three steps
    steps = sorted({0, 2, last})
    assert [(one.step, one.prompt_id) for one in seen] == [
        (step, id) for step in steps for id in sorted(asked)
    ]
    assert all(1 <= one.num_tokens <= 5 for one in seen)
    assert {one.kl for one in seen if one.step == 0} == {0.0}
    assert {one.kl for one in seen if one.step == last} != {0.0}
    assert all((one.score is None) == (stage != "ppo") for one in seen)


def test_the_versions_are_the_same_without_it(new_judged_ws: Callable[..., Workspace]) -> None:
    made = []
    for name, number in (("on", 4), ("off", 0)):
        ws = new_judged_ws(name)
        run_id = trained(ws, "ppo", num_prompts=number)
        assert (glimpses.of_run(ws.db, run_id) == []) == (number == 0)
        version = versions.get(ws.db, "ppo-1")
        assert version is not None
        weights = (ws.root / version.path / "adapter_model.safetensors").read_bytes()
        made.append((run_id, weights, version.metrics))
    assert made[0] == made[1]


def test_only_what_fits_and_is_asked_is_shown(new_judged_ws: Callable[..., Workspace]) -> None:
    ws = new_judged_ws()
    chat = Prompt("chat", (Message("user", "Hi"),), "heldout", source="playground")
    long = Prompt("long", (Message("user", "x" * 300),), "heldout")
    prompts.add(ws.db, [chat, long])
    seen = glimpses.of_run(ws.db, trained(ws, "sft", num_prompts=32))
    assert {one.prompt_id for one in seen} == {
        one.id for one in prompts.all(ws.db) if one.id not in ("chat", "long")
    }


def test_speed_is_kept_and_is_no_result(judged_ws: Workspace) -> None:
    run_id = trained(judged_ws, "ppo")
    recorded = runs.newest(judged_ws.db, run_id)
    step, seconds = recorded["speed/seconds"]
    assert (step, seconds > 0) == (2, True)
    tokens = recorded["num_tokens"][1]
    assert recorded["speed/tokens_per_second"][1] == pytest.approx(tokens / seconds)
    version = versions.get(judged_ws.db, "ppo-1")
    assert version is not None
    assert version.metrics["num_tokens"] == tokens
    assert [name for name in version.metrics if name.startswith("speed")] == []
