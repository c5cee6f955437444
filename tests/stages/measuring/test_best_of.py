"""Best of n: chosen by the reward model, scored by everybody, before anything is tuned."""

from collections.abc import Callable

import pytest

from rather.errors import UsageError
from rather.feedback.concision import concision
from rather.stages import tuning
from rather.stages.evaluating import evaluate_all, models_to_evaluate, sentence
from rather.store import completions, prompts
from rather.workspace import Workspace


def test_it_is_the_expected_score_of_the_chosen_answer(
    new_judged_ws: Callable[..., Workspace],
) -> None:
    ws = new_judged_ws(evaluate={"gold": "concision", "best_of_n": 3, "max_new_tokens": 8})
    tuning.reward(ws, dry_run=False, fresh=False)
    assert models_to_evaluate(ws, ()) == []  # nothing is tuned yet
    result = evaluate_all(ws, [])
    found = result["best_of_n"]
    assert (found["model"], found["num_answers"]) == ("base", 3)
    assert [point["n"] for point in found["points"]] == [1, 2, 3]
    # log n − (n − 1)/n
    assert [round(point["kl"], 4) for point in found["points"]] == [0.0, 0.1931, 0.4319]
    # of one answer each: the mean gold score of all that were made
    asked = {one.id: one for one in prompts.all(ws.db, "heldout")}
    made = [one for one in completions.all(ws.db, model="base") if not one.is_asked_about]
    golds = [concision(asked[one.prompt_id], one.text) for one in made]
    assert len(made) == 9
    assert found["points"][0]["means"]["gold"] == pytest.approx(sum(golds) / 9)
    rewards = [point["means"]["reward"] for point in found["points"]]
    assert rewards == sorted(rewards)
    assert "choosing the best of 3 answers of base (KL at most 0.43 nats) raises" in sentence(
        result
    )


def test_without_a_reward_model_nothing_chooses(ws: Workspace) -> None:
    asked = ws.configured({"evaluate": {"best_of_n": 2}})
    with pytest.raises(UsageError, match="best_of_n chooses by a reward model"):
        evaluate_all(asked, [])
