"""Held-out answers: each made once, the same whatever was there before."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from rather.errors import DataError
from rather.records import Message, Prompt
from rather.rollout import local
from rather.stages.measuring.answers import Hand, answer, hand_of, held_out
from rather.stages.runs import open_library
from rather.store import completions, prompts
from rather.workspace import Workspace


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many completions each call of the sampler made."""
    made: list[int] = []
    real = local.sample

    def sample(backbone: Any, adapter: Any, requests: Any, *more: Any) -> Any:
        made.append(len(requests))
        return real(backbone, adapter, requests, *more)

    monkeypatch.setattr(local, "sample", sample)
    return made


def hand(ws: Workspace) -> Hand:
    return hand_of(ws, open_library(ws), "base")


def test_without_heldout_prompts_there_is_nothing_to_ask(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(held_out(ws)) == 3
    monkeypatch.setattr(prompts, "all", lambda *_: [])
    with pytest.raises(DataError, match="no held-out prompts to evaluate on"):
        held_out(ws)


def test_control_items_and_chats_evaluate_nothing(ws: Workspace) -> None:
    for source in ("gold", "playground"):
        prompts.add(ws.db, [Prompt(source, (Message("user", "Hi"),), "heldout", source=source)])
    assert len(held_out(ws)) == 3


def test_what_was_answered_is_not_answered_again(ws: Workspace, drawn: list[int]) -> None:
    asked = held_out(ws)
    first = answer(ws, hand(ws), asked[:2])
    again = answer(ws, hand(ws), asked[:2])
    assert drawn == [2]
    assert (again.completions, [row.completions for row in again.rows]) == (
        first.completions,
        [row.completions for row in first.rows],
    )
    whole = answer(ws, hand(ws), asked)  # one prompt more: only that one is made
    assert drawn == [2, 1]
    assert whole.completions[:2] == first.completions
    more = answer(ws, hand(ws), asked, 3)  # two more of each; the first stays the first
    assert drawn == [2, 1, 6]
    assert [given[0] for given in more.completions] == [one for (one,) in whole.completions]
    assert len({one.seed for one in more.completions[0]}) == 3
    stored = {one.id for one in completions.all(ws.db)}
    assert {one.id for given in more.completions for one in given} <= stored


def test_other_settings_or_weights_are_other_answers(
    ws: Workspace, new_ws: Callable[..., Workspace], drawn: list[int]
) -> None:
    asked = held_out(ws)
    answer(ws, hand(ws), asked)
    answer(ws.configured({"evaluate": {"temperature": 0.5}}), hand(ws), asked)
    answer(ws.configured({"evaluate": {"max_new_tokens": 4}}), hand(ws), asked)
    assert drawn == [3, 3, 3]
    told = ws.configured({"system_prompt": "Be brief."})
    assert hand(told).identity != hand(ws).identity
    answer(told, hand(told), asked)
    assert drawn == [3, 3, 3, 3]
    assert hand(new_ws("twin")).identity == hand(ws).identity


def test_killed_halfway_the_rest_is_made(
    ws: Workspace, drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = held_out(ws)
    monkeypatch.setattr("rather.stages.measuring.answers.DECODED_TOGETHER", 1)
    whole = answer(ws, hand(ws), asked)
    (file,) = (ws.runs_dir / "answers").glob("*.json")
    kept = json.loads(file.read_text())
    file.write_text(json.dumps(dict(list(kept.items())[:1])))
    assert answer(ws, hand(ws), asked).completions == whole.completions
    assert drawn == [1, 1, 1, 1, 1]
    file.write_text("{")
    with pytest.raises(DataError, match="is not valid JSON"):
        answer(ws, hand(ws), asked)
