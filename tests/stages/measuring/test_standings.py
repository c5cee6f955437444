"""Ratings from what is stored: people and simulators apart, held-out prompts only."""

import math
from collections.abc import Callable

import pytest

from rather.data.identity import completion_id
from rather.feedback.answer import Answer
from rather.feedback.events import new_judgment
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.records import Completion, Labeller, Prompt
from rather.stages.measuring.standings import NO_GAMES, ratings, sentence
from rather.store import completions, judgments, labellers, prompts
from rather.workspace import Workspace

BOB = Labeller("bob", "Bob", is_simulated=False)
SIMULATOR = Labeller("sim:x", "x (simulated)", is_simulated=True)


@pytest.fixture
def arena(ws: Workspace) -> Workspace:
    labellers.add(ws.db, [BOB, SIMULATOR])
    return ws


def answered(ws: Workspace, prompt: Prompt, model: str) -> Completion:
    text = f"{model} says"
    one = Completion(completion_id(prompt.id, model, {}, 0, text), prompt.id, text, model)
    completions.add(ws.db, [one])
    return one


def say(ws: Workspace, who: Labeller, prompt: Prompt, answer: Answer) -> None:
    judgments.record(ws.db, new_judgment(prompt.id, who, answer))


def pair(ws: Workspace, who: Labeller, prompt: Prompt, better: str, worse: str) -> None:
    left, right = answered(ws, prompt, better), answered(ws, prompt, worse)
    say(ws, who, prompt, Pair(left.id, right.id, "A"))


def test_people_and_simulators_are_rated_apart(arena: Workspace) -> None:
    train, heldout = prompts.all(arena.db, "train"), prompts.all(arena.db, "heldout")
    for prompt in heldout:
        pair(arena, BOB, prompt, "ppo-1", "base")
        pair(arena, SIMULATOR, prompt, "base", "ppo-1")
    for prompt in train:  # what was trained on measures nothing
        pair(arena, BOB, prompt, "base", "ppo-1")
    found = ratings(arena)
    assert list(found) == ["people", "simulated"]
    (people,), (simulated,) = found["people"]["groups"], found["simulated"]["groups"]
    gap = 400 * math.log10(3.5 / 0.5)  # three wins, with half a win each
    assert [one["name"] for one in people["ratings"]] == ["ppo-1", "base"]
    assert people["ratings"][0]["rating"] == pytest.approx(1000 + gap)
    assert simulated["ratings"][1]["rating"] == pytest.approx(1000 - gap)
    assert found["people"]["num_games"] == 3
    assert sentence(found) == ""


def test_a_ranking_is_many_games_and_groups_are_told(arena: Workspace) -> None:
    one, other, third = prompts.all(arena.db, "heldout")
    ids = [answered(arena, one, name).id for name in ("a", "b", "c")]
    say(arena, BOB, one, Ranking(tuple(ids), (1, 2, 2)))
    pair(arena, BOB, other, "d", "e")
    pair(arena, BOB, third, "d", "d-twin")
    found = ratings(arena)["people"]
    assert found["num_games"] == 5  # a–b, a–c, b–c; d–e; d–d-twin
    assert [[rated["name"] for rated in group["ratings"]] for group in found["groups"]] == [
        ["a", "b", "c"],
        ["d", "d-twin", "e"],
    ]
    assert sentence({"people": found}) == (
        "by people these groups were never compared with each other: a, b, c | d, d-twin, e"
    )


def test_nothing_was_compared(judged_ws: Workspace) -> None:
    found = ratings(judged_ws)["people"]  # Ann compared answers of one and the same model
    assert (found["num_games"], found["groups"], found["reason"]) == (0, [], NO_GAMES)


def test_scorers_of_an_evaluation_rate_too(new_ws: Callable[..., Workspace]) -> None:
    evaluation = {
        "baseline": "base",
        "scorers": {"gold": "concision"},
        "prompts": ["p", "q"],
        "models": {
            "base": {"scores": {"gold": [0.0, 0.0]}},
            "ppo-1": {"scores": {"gold": [1.0, 1.0]}},
        },
    }
    found = ratings(new_ws(), evaluation)
    assert found["gold"]["groups"][0]["anchor"] == "base"
    assert found["gold"]["groups"][0]["ratings"][0]["name"] == "ppo-1"
