"""Evaluation: the same prompts and seeds for every model, and numbers that add up."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.errors import UsageError
from rather.evaluation.policy import Answers
from rather.evaluation.statistics import Interval
from rather.feedback.concision import concision
from rather.records import Completion
from rather.stages import tuning
from rather.stages.evaluating import (
    evaluate_all,
    models_to_evaluate,
    sentence,
    summary,
)
from rather.stages.labelling import simulate
from rather.stages.measuring.kept import EVALUATION_FILE, newest_evaluation
from rather.store import completions, prompts, runs
from rather.workspace import Workspace

Result = dict[str, Any]


@pytest.fixture
def tuned_ws(new_judged_ws: Callable[..., Workspace]) -> Workspace:
    """With an SFT version that is far from the base model, and a gold score."""
    ws = new_judged_ws(seed=1).configured(
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
    assert (base["baseline_kl"], sft["baseline_kl"]) == (0.0, sft["kl"])  # it was tuned from base
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
    (pair,) = result["pairs"]
    assert (pair["first"], pair["second"]) == ("base", "sft-1")
    assert pair["win_rates"]["gold"]["value"] == pytest.approx(1 - wins / 3)
    assert sft["length_controlled"]["gold"]["n"] == 3
    assert sft["kl"] == pytest.approx(sum(sft["kls"]) / 3)


def test_the_result_is_stored_and_found_again(tuned_ws: Workspace) -> None:
    assert newest_evaluation(tuned_ws) is None
    first = evaluate_all(tuned_ws, ["sft-1"])
    assert newest_evaluation(tuned_ws) == first
    run = runs.get(tuned_ws.db, first["run_id"])
    assert run is not None
    assert (run.stage, run.status) == ("evaluate", "done")
    before = (tuned_ws.runs_dir / first["run_id"] / EVALUATION_FILE).read_bytes()
    assert evaluate_all(tuned_ws, ["sft-1"]) == first
    assert (tuned_ws.runs_dir / first["run_id"] / EVALUATION_FILE).read_bytes() == before
    other = evaluate_all(tuned_ws.configured({"evaluate": {"max_new_tokens": 4}}), ["sft-1"])
    assert other["run_id"] != first["run_id"]
    assert newest_evaluation(tuned_ws) == other


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
    result = evaluate_all(ws, ["sft-1"])
    assert result["scorers"] == {"reward": "reward-1", "gold": "concision", "judge": "plain_reader"}
    assert {len(scores) for scores in result["models"]["base"]["scores"].values()} == {2}
    assert result["models"]["sft-1"]["win_rates"].keys() == {"reward", "gold", "judge"}


def test_what_is_evaluated(tuned_ws: Workspace, new_ws: Callable[..., Workspace]) -> None:
    assert models_to_evaluate(tuned_ws, ()) == ["sft-1"]
    assert models_to_evaluate(tuned_ws, ("base",)) == ["base"]
    with pytest.raises(UsageError, match="no version to evaluate yet"):
        models_to_evaluate(new_ws("other"), ())


def test_the_result_in_a_sentence() -> None:
    rate = Interval(0.8, 0.49, 0.943, 10)._asdict()
    models: Result = {
        "base": {"win_rates": {}},
        "ppo-1": {"win_rates": {"reward": rate, "gold": rate}},
        "dpo-1": {"win_rates": {"judge": rate}},
    }
    pairs = [
        {"first": "base", "second": "ppo-1", "win_rates": {"gold": rate}},
        {"first": "ppo-1", "second": "dpo-1", "win_rates": {"heldout": rate}},
    ]
    result: Result = {"baseline": "base", "num_prompts": 10, "models": models, "pairs": pairs}
    assert sentence(result) == (
        "On 10 held-out prompts: ppo-1 beats base in 80% [49%, 94%] by gold; "
        "dpo-1 beats base in 80% [49%, 94%] by judge; "
        "ppo-1 beats dpo-1 in 80% [49%, 94%] by heldout."
    )
    unread = {"ppo-1": {"win_rates": {"llm": {"value": None, "low": 0, "high": 1, "n": 0}}}}
    assert sentence({**result, "models": unread, "pairs": []}).endswith("nothing to compare.")
    assert sentence({**result, "models": {}, "pairs": []}).endswith("nothing to compare.")


def answers(name: str, texts: list[str], **scores: list[float]) -> Answers:
    made = tuple(
        Completion(f"{name}{n}", f"p{n}", text, name, num_tokens=len(text.split()))
        for n, text in enumerate(texts)
    )
    given = {role: tuple(of_role) for role, of_role in scores.items()}
    return Answers(name, made, given, (0.0,) * len(texts), (0.0,) * len(texts), 1.0)


def test_a_worse_policy_loses_and_one_that_only_got_longer_is_shown_as_such() -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    plain = [" ".join(words[: 2 + n % 4]) for n in range(40)]
    longer = [" ".join(words[: 2 + (n % 4) + (n * 7) % 6]) for n in range(40)]
    length = [float(len(text.split())) for text in plain]
    base = answers("base", plain, reward=length)
    worse = answers("worse", plain, reward=[one - 1 for one in length])
    lost = summary(worse, base)
    assert lost["win_rates"]["reward"]["value"] == 0.0
    assert lost["win_rates"]["reward"]["high"] < 0.5
    assert lost["length_controlled"]["reward"]["high"] < 0.5
    # a reward that is nothing but length: 33 of 40 answers are longer, the others as long
    padded = answers("longer", longer, reward=[float(len(text.split())) for text in longer])
    found = summary(padded, base)
    assert found["win_rates"]["reward"]["low"] > 0.5
    controlled = found["length_controlled"]["reward"]
    assert controlled["low"] < 0.5 < controlled["high"]
    assert found["mean_length"] > 1.5 * summary(base, base)["mean_length"]
