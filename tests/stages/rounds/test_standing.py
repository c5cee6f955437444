"""Where the rounds stand, as `rather status` says it."""

from collections.abc import Callable
from typing import Any

import pytest

from rather import pipeline
from rather.records import Question
from rather.stages.rounds.open_questions import look
from rather.stages.rounds.standing import next_stage, num_needed, standing
from rather.store import prompts, questions, rounds
from rather.workspace import Workspace

NewLoop = Callable[..., Any]


def test_before_the_first_round(ws: Workspace) -> None:
    assert standing(ws) is None
    assert pipeline.status(ws)["round"] is None


def test_status_says_what_a_round_waits_for(new_loop: NewLoop) -> None:
    loop = new_loop(run={"min_judgments": 5})
    loop.run(rounds=1)
    status = pipeline.status(loop.ws)
    assert status["round"]["next_stage"] == "label"
    assert "Round 1 from base: Waiting for people: 0 of 5 judgments are there." in status["summary"]
    assert status["next"] == "rather label"


def test_status_says_where_a_round_goes_on(new_loop: NewLoop) -> None:
    loop = new_loop(label={"simulate": "rules"})
    loop.raises = {"ppo": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        loop.run(rounds=2)
    status = pipeline.status(loop.ws)
    assert "Round 1 from base: next comes ppo." in status["summary"]
    assert status["next"] == "rather run --rounds 1 (goes on where it stopped)"
    loop.run(rounds=1)
    status = pipeline.status(loop.ws)
    assert "Round 1 was promoted: ppo-1 beats base in 80% [70%, 90%]" in status["summary"]
    assert (status["round"]["policy"], status["round"]["waits_for"]) == ("ppo-1", "")
    assert status["next"] == "rather run --rounds 2"


@pytest.mark.parametrize("kind", ["thumb", "demonstration", "pair"])
def test_questions_are_chosen_where_they_can_be(
    new_ws: Callable[..., Workspace], kind: str
) -> None:
    ws = new_ws(label={"kind": kind})
    rounds.begin(ws.db, "base")
    rounds.note(ws.db, 1, "sample", {})
    assert next_stage(ws, rounds.all(ws.db)[0]) == ("choose" if kind == "pair" else "label")


def test_no_more_is_needed_than_was_chosen(answered: Workspace) -> None:
    ws = answered.configured({"run": {"min_judgments": 20}})
    turn = rounds.begin(ws.db, "base")
    assert num_needed(ws, turn) == 20
    asked = {prompt.id: prompt for prompt in prompts.all(ws.db)}
    two = look(ws, asked).free[:2]
    questions.add(ws.db, [Question(one.name, "pair", one.prompt_id, True, "2026") for one in two])
    assert num_needed(ws, turn) == 2
    assert num_needed(ws.configured({"label": {"only_chosen": False}}), turn) == 20
    assert (look(ws, asked).num_open, len(look(ws, asked).free)) == (2, 31)
