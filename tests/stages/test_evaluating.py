"""Evaluation: the same prompts and seeds for every model, and numbers that add up."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from rather.errors import DataError, UsageError
from rather.evaluation.reward_model import Accuracy
from rather.evaluation.statistics import Interval, wilson
from rather.feedback.concision import concision
from rather.records import Message, Prompt
from rather.stages import tuning
from rather.stages.evaluating import (
    accuracy_metrics,
    evaluate_all,
    held_out,
    models_to_evaluate,
    newest_result,
    scorer_names,
    sentence,
)
from rather.stages.labelling import simulate
from rather.store import completions, prompts, runs
from rather.workspace import Workspace

Result = dict[str, Any]


@pytest.fixture
def tuned_ws(new_judged_ws: Callable[..., Workspace]) -> Workspace:
    """With an SFT version that is far from the base model, and a gold score."""
    ws = new_judged_ws().configured(
        {"sft": {"learning_rate": 0.02, "num_epochs": 5}, "evaluate": {"gold": "concision"}}
    )
    tuning.sft(ws, dry_run=False, fresh=False)
    return ws


def test_models_are_compared_with_the_baseline(tuned_ws: Workspace) -> None:
    result = evaluate_all(tuned_ws, ["newest"])
    assert list(result["models"]) == ["base", "sft-1"]
    assert (result["baseline"], result["num_prompts"]) == ("base", 3)
    assert result["scorers"] == {"gold": "concision"}  # there is no reward model to ask
    base, sft = result["models"]["base"], result["models"]["sft-1"]
    assert base["win_rates"] == {}
    assert base["kl"] == 0.0
    assert sft["kl"] > 1.0
    assert sft["base_perplexity"] > 0
    asked = prompts.all(tuned_ws.db, "heldout")
    assert result["prompts"] == [prompt.id for prompt in asked]
    for one in (base, sft):
        expected = [concision(p, text) for p, text in zip(asked, one["texts"], strict=True)]
        assert one["scores"]["gold"] == pytest.approx(expected)
        assert one["mean_length"] == sum(one["lengths"]) / 3
    golds = list(zip(sft["scores"]["gold"], base["scores"]["gold"], strict=True))
    wins = sum((ours > theirs) + 0.5 * (ours == theirs) for ours, theirs in golds)
    assert sft["win_rates"]["gold"]["value"] == wins / 3


def test_the_result_is_stored_and_found_again(tuned_ws: Workspace) -> None:
    assert newest_result(tuned_ws) is None
    first = evaluate_all(tuned_ws, ["sft-1"])
    assert newest_result(tuned_ws) == first
    run = runs.get(tuned_ws.db, first["run_id"])
    assert run is not None
    assert (run.stage, run.status) == ("evaluate", "done")
    again = evaluate_all(tuned_ws, ["sft-1"])
    assert again["run_id"] == first["run_id"]
    assert again["models"] == first["models"]
    other = evaluate_all(tuned_ws.configured({"evaluate": {"max_new_tokens": 4}}), ["sft-1"])
    assert other["run_id"] != first["run_id"]
    assert newest_result(tuned_ws) == other


def test_answers_are_stored_but_never_asked_about(tuned_ws: Workspace) -> None:
    result = evaluate_all(tuned_ws, ["sft-1"])
    known = {one.id: one for one in completions.all(tuned_ws.db)}
    for name in ("base", "sft-1"):
        for id in result["models"][name]["completions"]:
            assert known[id].model == name
            assert known[id].sampling["purpose"] == "evaluate"
    before = len(completions.all(tuned_ws.db))
    made = simulate(tuned_ws, "concision", dry_run=False)
    assert made["judgments"] == 11  # the one pair of each prompt, nothing of the evaluation
    assert len(completions.all(tuned_ws.db)) == before


def test_a_model_is_no_better_than_itself(ws: Workspace) -> None:
    gold = ws.configured({"evaluate": {"gold": "concision", "baseline": "base"}})
    result = evaluate_all(gold, [ws.config.model])
    twin = result["models"][ws.config.model]
    assert twin["texts"] == result["models"]["base"]["texts"]
    assert twin["win_rates"]["gold"]["value"] == 0.5  # three ties


def test_a_reward_model_scores_where_there_is_one(tuned_ws: Workspace) -> None:
    tuning.reward(tuned_ws, dry_run=False, fresh=False)
    ws = tuned_ws.configured({"evaluate": {"judge": "plain_reader", "num_prompts": 2}})
    assert scorer_names(ws, ws.config.evaluate) == {
        "reward": "reward-1",
        "gold": "concision",
        "judge": "plain_reader",
    }
    result = evaluate_all(ws, ["sft-1"])
    assert {len(scores) for scores in result["models"]["base"]["scores"].values()} == {2}
    assert result["models"]["sft-1"]["win_rates"].keys() == {"reward", "gold", "judge"}
    without = ws.configured({"evaluate": {"reward": None}})
    assert "reward" not in scorer_names(without, without.config.evaluate)


def test_the_simulators_gold_is_taken_where_none_is_named(judged_ws: Workspace) -> None:
    assert "gold" not in scorer_names(judged_ws, judged_ws.config.evaluate)
    simulate(judged_ws, "plain_reader", dry_run=False)
    assert scorer_names(judged_ws, judged_ws.config.evaluate)["gold"] == "plain_reader"


def test_what_is_evaluated(tuned_ws: Workspace, new_ws: Callable[..., Workspace]) -> None:
    assert models_to_evaluate(tuned_ws, ()) == ["sft-1"]
    assert models_to_evaluate(tuned_ws, ("base",)) == ["base"]
    with pytest.raises(UsageError, match="no version to evaluate yet"):
        models_to_evaluate(new_ws("other"), ())


def test_without_heldout_prompts_there_is_nothing_to_ask(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(held_out(ws, ws.config.evaluate)) == 3
    monkeypatch.setattr(prompts, "all", lambda *_: [])
    with pytest.raises(DataError, match="no held-out prompts to evaluate on"):
        held_out(ws, ws.config.evaluate)


def test_the_result_in_a_sentence() -> None:
    rate = Interval(0.8, 0.49, 0.943, 10)._asdict()
    models: Result = {
        "base": {"win_rates": {}},
        "ppo-1": {"win_rates": {"reward": rate, "gold": rate}},
        "dpo-1": {"win_rates": {"judge": rate}},
    }
    result: Result = {"baseline": "base", "num_prompts": 10, "models": models}
    assert sentence(result) == (
        "On 10 held-out prompts: ppo-1 beats base in 80% [49%, 94%] by gold; "
        "dpo-1 beats base in 80% [49%, 94%] by judge."
    )
    assert sentence({**result, "models": {}}).endswith("nothing to compare.")


def test_accuracy_as_metrics() -> None:
    by_strength = {1: wilson(3, 5), 3: wilson(5, 5)}
    found = accuracy_metrics(Accuracy(wilson(8, 10), 0.25, 0.75, by_strength, -0.4))
    assert {key: round(value, 3) for key, value in found.items()} == {
        "accuracy": 0.8,
        "accuracy_low": 0.49,
        "accuracy_high": 0.943,
        "num_pairs": 10.0,
        "longer_wins": 0.25,
        "shorter_wins": 0.75,
        "accuracy_strength_1": 0.6,
        "accuracy_strength_3": 1.0,
        "score_length_correlation": -0.4,
    }
    # one strength says no more than all pairs, and what is not a number is not said
    bare = accuracy_metrics(Accuracy(wilson(8, 10), 0.25, 0.75, {1: wilson(8, 10)}, math.nan))
    assert bare.keys() == found.keys() - {
        "accuracy_strength_1",
        "accuracy_strength_3",
        "score_length_correlation",
    }


def test_control_items_and_chats_evaluate_nothing(ws: Workspace) -> None:
    for source in ("gold", "playground"):
        prompts.add(ws.db, [Prompt(source, (Message("user", "Hi"),), "heldout", source=source)])
    assert len(held_out(ws, ws.config.evaluate)) == 3
