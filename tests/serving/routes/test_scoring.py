"""Scores of a reward version over HTTP are those of `rather score`."""

from typing import Any

import httpx2
import pytest

from rather.data.identity import prompt_id
from rather.models.library import Library
from rather.records import Message, Prompt
from rather.rollout.tables import score_rows
from rather.store import versions
from rather.store.serving import aliases
from tests.serving.conftest import House, Running

SAID = ["Please, the one.", "No!", "the the the"]


def expected(house: House) -> list[list[float]]:
    """By member: as training computes them, on a library of its own."""
    known = {one.name: one for one in versions.all(house.db)}
    library = Library(house.root, "base-model", "float32", known)
    messages = (Message("user", "Which?"),)
    prompt = Prompt(prompt_id(messages), messages, "train")
    row = library.codec("base").row(prompt, tuple((text, False) for text in SAID))
    return [score_rows(member, [row], 2048)[0] for member in library.reward_members("reward-1")]


def ask(server: Running, **body: Any) -> httpx2.Response:
    return httpx2.post(f"{server.url}/v1/score", json={"model": "reward-1"} | body, timeout=60)


def test_an_ensemble_is_one_score_with_its_members(server: Running, shared_house: House) -> None:
    reply = ask(server, prompt="Which?", completion=SAID).json()
    first, second = expected(shared_house)
    assert first != pytest.approx(second)
    for one, a, b in zip(reply["data"], first, second, strict=True):
        assert one["members"] == pytest.approx([a, b], abs=1e-5)
        assert one["score"] == pytest.approx((a + b) / 2, abs=1e-5)
    assert reply["model"] == "reward-1"
    as_messages = ask(
        server, messages=[{"role": "user", "content": "Which?"}], completion=SAID[0]
    ).json()
    assert as_messages["data"][0]["members"] == pytest.approx([first[0], second[0]], abs=1e-5)


def test_an_alias_of_a_reward_model_scores(house: House, serving: type[Running]) -> None:
    aliases.switch(house.db, "judge", "reward-1", "test")
    reply = ask(serving(house), model="judge", prompt="Which?", completion="This.")
    assert reply.json()["model"] == "reward-1"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"prompt": "Which?", "completion": "This.", "model": "ppo-1"}, 404, "model_not_found"),
        ({"prompt": "Which?", "completion": []}, 400, "invalid"),
        ({"prompt": "Which?", "completion": ""}, 400, "invalid"),
        ({"completion": "This."}, 400, "invalid"),
        ({"prompt": "Which?", "completion": "word " * 300}, 400, "context_length_exceeded"),
        ({"prompt": "word " * 300, "completion": "This."}, 400, "context_length_exceeded"),
    ],
)
def test_what_cannot_be_scored_is_told(
    server: Running, body: dict[str, Any], status: int, code: str
) -> None:
    reply = ask(server, **body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
