"""Reward models measured on held-out judgments, and on a benchmark's rows."""

import json
from collections.abc import Callable

import pytest

from rather.errors import DataError, UsageError
from rather.feedback.events import new_judgment
from rather.feedback.kinds import answer_of
from rather.records import Judgment, Labeller
from rather.stages import tuning
from rather.stages.measuring.kept import newest_of_rewards
from rather.stages.measuring.rewards import evaluate_rewards, sentence
from rather.store import judgments, labellers, prompts
from rather.workspace import Workspace

BOB = Labeller("bob", "Bob", is_simulated=False)


@pytest.fixture
def rated_ws(new_judged_ws: Callable[..., Workspace]) -> Workspace:
    """With a reward model, and Bob, who says what Ann says of the held-out pairs but one."""
    ws = new_judged_ws()
    tuning.reward(ws, dry_run=False, fresh=False)
    labellers.add(ws.db, [BOB])
    heldout = [one.id for one in prompts.all(ws.db, "heldout")]
    said = [one for one in judgments.live(ws.db, "pair") if one.prompt_id in heldout]
    for number, one in enumerate(said):
        answer = answer_of(one)
        choice = {"A": "B", "B": "A"}[one.answer["choice"]] if number == 0 else answer.choice  # type: ignore[attr-defined]
        shown = answer.completion_ids
        again = type(answer).from_said({"choice": choice}, shown)
        judgments.record(ws.db, new_judgment(one.prompt_id, BOB, again))
    return ws


def test_where_it_agrees_with_whom(rated_ws: Workspace) -> None:
    result = evaluate_rewards(rated_ws, ["newest"])
    (model,) = result["reward_models"].values()
    metrics = tuning.reward(rated_ws, dry_run=False, fresh=False)["metrics"]
    assert metrics["num_pairs"] == model["accuracy"]["n"] == 3
    # Ann's are the judgments it was measured on when it was made
    by_labeller = {name: one["accuracy"] for name, one in model["by_labeller"].items()}
    assert by_labeller["Ann"]["value"] == pytest.approx(metrics["accuracy"])
    assert by_labeller["Bob"]["n"] == 3
    assert set(model["by_agreement"]) == {"all agree", "evenly split"}
    assert model["by_agreement"]["evenly split"]["accuracy"]["value"] == 0.5
    assert set(model["by_tag"]) == {"no tag"}
    assert sum(one["n"] for one in model["calibration"]["bins"]) == 6
    assert model["spread"] is None
    # they agree on two of three pairs
    assert result["ceiling"]["pair"]["value"] == pytest.approx(2 / 3)
    said = sentence(result)
    assert said.startswith("On held-out judgments: reward-1 orders")
    assert said.endswith("people agree with each other on 67% of 3 pairs.")
    assert evaluate_rewards(rated_ws, ["reward-1"]) == result
    assert newest_of_rewards(rated_ws) == result


def test_ties_decide_nothing(new_judged_ws: Callable[..., Workspace]) -> None:
    ws = new_judged_ws()
    tuning.reward(ws, dry_run=False, fresh=False)
    for one in judgments.live(ws.db, "pair"):
        tied = Judgment(**{**vars(one), "id": f"{one.id}t", "supersedes": one.id,
                           "idempotency_key": f"{one.id}t",
                           "answer": {**one.answer, "choice": "tie"}})  # fmt: skip
        judgments.record(ws.db, tied)
    result = evaluate_rewards(ws, ["reward-1"])
    assert result["reward_models"]["reward-1"]["accuracy"]["value"] is None
    assert "nothing was decided that reward-1 could be right about" in sentence(result)


def test_several_models_are_an_ensemble(rated_ws: Workspace) -> None:
    other = rated_ws.configured({"reward": {"seed": 5, "half": "first"}})
    tuning.reward(other, dry_run=False, fresh=False)
    result = evaluate_rewards(rated_ws, ["reward-1,reward-2"])
    spread = result["reward_models"]["reward-1,reward-2"]["spread"]
    assert spread["mean_std"] > 0
    assert spread["accuracy_agreeing"]["n"] + spread["accuracy_differing"]["n"] >= 3


def test_a_benchmark_is_measured_by_subset_and_not_stored(rated_ws: Workspace) -> None:
    rows = [
        {"prompt": f"Q{n}?", "chosen": "Please, yes.", "rejected": "No!", "subset": f"s{n % 2}"}
        for n in range(5)
    ]
    rows += [{"prompt": "Q?", "chosen": "Yes.", "rejected": "Yes.", "subset": "s0"}]
    rows += [{"prompt": "Long?", "chosen": "Yes. " * 300, "rejected": "No.", "subset": "s0"}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (rated_ws.root / "bench.jsonl").write_text(text)
    before = len(judgments.all(rated_ws.db))
    ws = rated_ws.configured({"evaluate": {"benchmark": "bench.jsonl"}})
    result = evaluate_rewards(ws, ["reward-1"])
    assert result["source"] == "bench.jsonl"
    assert result["left_out"] == {
        "the row of the benchmark cannot be used": 1,
        "longer than the model's context": 1,
    }
    model = result["reward_models"]["reward-1"]
    assert {name: one["accuracy"]["n"] for name, one in model["by_subset"].items()} == {
        "s0": 3,
        "s1": 2,
    }
    values = [one["accuracy"]["value"] for one in model["by_subset"].values()]
    assert model["mean_over_subsets"] == pytest.approx(sum(values) / 2)
    assert (model["longer_wins"], model["chance"]) == (1.0, 0.5)
    assert len(judgments.all(rated_ws.db)) == before
    assert newest_of_rewards(rated_ws) is None  # that one is of judgments


@pytest.mark.parametrize("text", ["", '{"prompt": "a", "chosen": "b"}\n', '{"subset": 3}\n'])
def test_a_file_without_pairs(rated_ws: Workspace, text: str) -> None:
    (rated_ws.root / "bench.jsonl").write_text(text)
    ws = rated_ws.configured({"evaluate": {"benchmark": "bench.jsonl"}})
    with pytest.raises(DataError, match=r"bench.jsonl has nothing to measure on: give rows"):
        evaluate_rewards(ws, ["reward-1"])


def test_nothing_to_measure_or_to_measure_on(
    rated_ws: Workspace, new_ws: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="no reward model yet"):
        evaluate_rewards(new_ws("bare"), ["newest"])
    monkeypatch.setattr(judgments, "live", lambda *_: [])
    with pytest.raises(DataError, match="no comparisons on held-out prompts to measure"):
        evaluate_rewards(rated_ws, ["newest"])
