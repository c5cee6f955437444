"""A round's settings: pinned names, older policies, the judgments it learns from."""

from collections.abc import Callable

import pytest

from rather.records import Round
from rather.stages.rounds.turn import first_policy, settings_of, who_answers
from rather.store import rounds
from rather.workspace import Workspace


def a_round(number: int, start: str, **more: object) -> Round:
    return Round(number, start, 0, "2026", **more)  # type: ignore[arg-type]


def test_who_answers() -> None:
    server = "http://127.0.0.1:8000/v1#m"
    configured = ("base", "newest", server)
    earlier = [a_round(1, "base"), a_round(2, "ppo-1"), a_round(3, "ppo-1")]
    assert who_answers(configured, a_round(1, "sft-1"), [], 1) == ["base", "sft-1", server]
    second, fourth = a_round(2, "ppo-1"), a_round(4, "ppo-3")
    assert who_answers(configured, second, earlier[:1], 1) == ["ppo-1", "base", server]
    assert who_answers(("base",), fourth, earlier, 0) == ["ppo-3"]
    assert who_answers(("base",), fourth, earlier, 2) == ["ppo-3", "ppo-1", "base"]
    # rolled back: it begins from the same once more
    assert who_answers(("base",), a_round(3, "ppo-1"), earlier[:2], 5) == ["ppo-1", "base"]


def test_names_are_pinned_once_they_are_known(new_ws: Callable[..., Workspace]) -> None:
    ws = new_ws(label={"num_judgments": 10}, ppo={"reward": "0.5*newest + 0.5*concision"})
    turn = a_round(3, "ppo-2")
    before = settings_of(ws, turn)
    assert before["ppo"] == before["dpo"] == {"start": "ppo-2"}
    assert before["evaluate"] == {"baseline": "ppo-2"}
    assert before["label"] == {"num_judgments": 30}
    assert "judgments_until" not in before
    done = {"reward": {"version": "reward-4"}}
    after = settings_of(ws, a_round(3, "ppo-2", judgments_until=77, done=done))
    assert after["ppo"]["reward"] == "0.5*reward-4 + 0.5*concision"
    assert after["evaluate"]["reward"] == "reward-4"
    assert ws.configured(after).config.judgments_until == 77


def test_a_round_begins_where_the_last_one_ended(new_ws: Callable[..., Workspace]) -> None:
    ws = new_ws(ppo={"start": "newest"})
    assert first_policy(ws) == "base"  # there is no newer one
    assert first_policy(ws.configured({"ppo": {"start": "sft-7"}})) == "sft-7"
    rounds.begin(ws.db, "base")
    rounds.finish(ws.db, 1, "promoted", "ppo-1", "better")
    assert first_policy(ws) == "ppo-1"


@pytest.mark.parametrize("stages", [("dpo", "ppo"), ("ppo", "dpo")])
def test_the_first_tuning_says_from_what(
    new_ws: Callable[..., Workspace], stages: tuple[str, ...]
) -> None:
    ws = new_ws(run={"stages": stages}, ppo={"start": "sft-1"}, dpo={"start": "sft-2"})
    assert first_policy(ws) == {"ppo": "sft-1", "dpo": "sft-2"}[stages[0]]
