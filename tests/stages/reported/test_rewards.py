"""Reward models in the report: as trained, or as evaluated with everything that tells."""

from collections.abc import Callable

import pytest

from rather.evaluation.statistics import wilson
from rather.feedback.events import new_judgment
from rather.feedback.kinds import answer_of
from rather.records import Labeller
from rather.stages import tuning
from rather.stages.measuring.kept import REWARDS_FILE, keep
from rather.stages.measuring.rewards import evaluate_rewards
from rather.stages.reported.rewards import disagreements, reward_models
from rather.store import judgments, labellers
from rather.workspace import Workspace

BOB = Labeller("bob", "Bob", is_simulated=False)


@pytest.fixture
def rated_ws(new_judged_ws: Callable[..., Workspace]) -> Workspace:
    """With a reward model, and Bob, who says the opposite of Ann."""
    ws = new_judged_ws()
    tuning.reward(ws, dry_run=False, fresh=False)
    labellers.add(ws.db, [BOB])
    for one in judgments.live(ws.db, "pair"):
        opposite = {"A": "B", "B": "A"}[one.answer["choice"]]
        again = type(answer_of(one)).from_answer({**one.answer, "choice": opposite})
        judgments.record(ws.db, new_judgment(one.prompt_id, BOB, again))
    return ws


def test_before_and_after_it_is_evaluated(rated_ws: Workspace) -> None:
    (trained,) = reward_models(rated_ws)
    assert (trained.accuracy.n, trained.breakdowns, trained.calibration) == (3, {}, ())
    people = {one.id: one for one in labellers.all(rated_ws.db)}
    assert disagreements(rated_ws, people) == []
    evaluate_rewards(rated_ws, ["newest"])
    (evaluated,) = reward_models(rated_ws)
    # right about Ann where it is wrong about Bob
    assert (evaluated.accuracy.value, evaluated.accuracy.n) == (0.5, 3)
    assert evaluated.num_training_comparisons == 8
    assert evaluated.baselines["people with each other (pairs)"] == 0.0
    (ann, bob) = evaluated.breakdowns["By labeller"]
    assert ann.accuracy.value + bob.accuracy.value == pytest.approx(1.0)
    assert evaluated.note.startswith("Its certainty is off by")
    assert "more than they do with each other" not in evaluated.note  # 3 pairs show no such thing
    found = disagreements(rated_ws, people)
    assert len(found) == 3  # every pair once: one of the two is always disagreed with
    assert [one.margin for one in found] == sorted(one.margin for one in found)
    assert all(one.margin < 0 for one in found)
    assert {one.labeller for one in found} <= {"Ann", "Bob"}
    assert all(one.prompt.startswith("Question") for one in found)


def test_agreeing_with_people_more_than_they_do_is_a_warning(rated_ws: Workspace) -> None:
    result = evaluate_rewards(rated_ws, ["newest"])
    result["reward_models"]["reward-1"]["accuracy"] = wilson(95, 100)._asdict()
    result["ceiling"]["pair"] |= {"value": 0.7, "low": 0.6, "high": 0.78}
    keep(rated_ws, REWARDS_FILE, ["other"], result)
    (found,) = reward_models(rated_ws)
    assert found.note.endswith(
        "It agrees with people more than they do with each other: look whether held-out judgments "
        "reached its training."
    )


def test_two_together_are_listed_too(rated_ws: Workspace) -> None:
    other = rated_ws.configured({"reward": {"seed": 3}})
    tuning.reward(other, dry_run=False, fresh=False)
    evaluate_rewards(rated_ws, ["reward-1,reward-2"])
    found = {one.name: one for one in reward_models(rated_ws)}
    assert list(found) == ["reward-1", "reward-2", "reward-1,reward-2"]
    assert "Its members differ by" in found["reward-1,reward-2"].note
