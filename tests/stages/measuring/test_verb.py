"""What `rather evaluate` is asked for by its arguments."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.errors import UsageError
from rather.stages import tuning
from rather.stages.measuring.verb import evaluate
from rather.workspace import Workspace


@pytest.fixture
def made_ws(new_judged_ws: Callable[..., Workspace]) -> Workspace:
    ws = new_judged_ws(evaluate={"gold": "concision", "max_new_tokens": 8})
    for stage in (tuning.sft, tuning.reward):
        stage(ws, dry_run=False, fresh=False)
    return ws


def ask(ws: Workspace, *names: str, dry_run: bool = False, human: bool = False) -> dict[str, Any]:
    return evaluate(ws, names, dry_run=dry_run, human=human)


def test_a_dry_run_says_what_would_be_done(made_ws: Workspace) -> None:
    said = {
        (): "would compare sft-1 on 3 held-out prompts.",
        ("sft-1", "base"): "would compare sft-1, base on 3 held-out prompts.",
        ("reward-1",): "would measure reward-1 on held-out judgments.",
    }
    for names, summary in said.items():
        assert ask(made_ws, *names, dry_run=True) == {"summary": summary}
    assert ask(made_ws, "sft-1", dry_run=True, human=True) == {
        "summary": "would put sft-1 and base on 3 held-out prompts before people."
    }
    bench = made_ws.configured({"evaluate": {"benchmark": "b.jsonl"}})
    assert ask(bench, dry_run=True) == {"summary": "would measure newest on b.jsonl."}
    best = made_ws.configured({"evaluate": {"best_of_n": 2}})
    assert "would compare sft-1" in ask(best, dry_run=True)["summary"]


def test_policies_reward_models_and_people(made_ws: Workspace) -> None:
    policies = ask(made_ws)
    assert policies["summary"].startswith("On 3 held-out prompts: sft-1 beats base in")
    assert list(policies["ratings"]) == ["people", "simulated", "reward", "gold"]
    assert policies["ratings"]["gold"]["groups"][0]["anchor"] == "base"
    assert ask(made_ws, "reward-1")["summary"].startswith("On held-out judgments: reward-1 orders")
    assert ask(made_ws, human=True)["first"] == "sft-1"


def test_models_of_two_kinds_are_not_mixed(made_ws: Workspace) -> None:
    with pytest.raises(UsageError, match="name only reward versions, without sft-1"):
        ask(made_ws, "reward-1", "sft-1")
    with pytest.raises(UsageError, match="without --human"):
        ask(made_ws, "reward-1", human=True)
