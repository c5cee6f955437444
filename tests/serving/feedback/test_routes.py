"""Two versions answer one question, in an order drawn by chance, and the choice tells who."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openai import NotFoundError

from rather.serving.backend import EngineDown, Wish
from rather.serving.feedback.joining import FromUse
from rather.store import judgments
from rather.store.database import Database
from rather.store.use import reactions, served
from tests.serving.conftest import Running
from tests.serving.feedback.conftest import KEPT, Parrot, chat

Serve = Callable[..., tuple[TestClient, FromUse]]


def compare(api: TestClient, status: int = 200, **more: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": "Why?"}], **more}
    reply = api.post("/v1/compare", json=body)
    assert reply.status_code == status, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_two_answers_to_choose_from(db: Database, serve: Serve) -> None:
    api, _ = serve(**KEPT, **{"serve.ab.model": "ppo-2"})
    lefts = set()
    for number in range(16):
        found = compare(api)
        assert found["object"] == "comparison"
        assert [one["index"] for one in found["choices"]] == [0, 1]
        assert [one["model"] for one in found["choices"]] == [None, None]
        assert found["usage"]["completion_tokens"] == 10
        ids = [one["id"] for one in found["choices"]]
        body = {"kind": "preferred", "completion_ids": ids, "choice": number % 2}
        models = api.post("/v1/feedback", json=body).json()["models"]
        assert sorted(models) == ["ppo-1", "ppo-2"]
        texts = [one["message"]["content"] for one in found["choices"]]
        assert all(f"I am {name}," in text for name, text in zip(models, texts, strict=True))
        lefts.add(models[0])
    assert lefts == {"ppo-1", "ppo-2"}  # one order sixteen times: a chance of 1 in 32768
    assert {one.asked for one in reactions.all(db)} == {"prod"}


def test_named_versions_and_open_names(db: Database, api: TestClient) -> None:
    found = compare(api, models=["prod", "base", "ppo-2"], is_blind=False)
    assert sorted(one["model"] for one in found["choices"]) == ["base", "ppo-1", "ppo-2"]
    ids = [one["id"] for one in found["choices"]]
    body = {"kind": "preferred", "completion_ids": ids, "choice": 0}
    assert api.post("/v1/feedback", json=body).status_code == 200
    assert reactions.all(db)[0].asked == ""
    assert len(served.get_many(db, ids, "")) == 3


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"models": ["base"]}, 400),
        ({"models": ["base"] * 5}, 400),
        ({"models": ["base", "reward-1"]}, 404),
        ({"model": "nobody"}, 404),
        ({"n": 2}, 400),
        ({"stream": True}, 400),
        ({"messages": []}, 400),
    ],
)
def test_what_cannot_be_compared(api: TestClient, more: dict[str, Any], status: int) -> None:
    compare(api, status, **more)


def test_a_share_of_the_traffic_goes_to_the_other(serve: Serve) -> None:
    api, _ = serve(**{"serve.ab.model": "ppo-2", "serve.ab.share": 0.5})
    answered = [chat(api)["model"] for _ in range(40)]
    assert set(answered) == {"ppo-1", "ppo-2"}  # one alone: a chance of 2 in 10^12
    assert {chat(api, model="ppo-1")["model"] for _ in range(20)} == {"ppo-1"}
    seeded = {chat(api, seed=7)["model"] for _ in range(20)}
    assert len(seeded) == 1  # the same request is answered by the same version
    by_prompt = {chat(api, f"Why {number}?", seed=7)["model"] for number in range(40)}
    assert by_prompt == {"ppo-1", "ppo-2"}


def test_an_engine_that_breaks_breaks_the_comparison(api: TestClient, parrot: Parrot) -> None:
    async def broken(wish: Wish) -> Any:
        if wish.model == "ppo-2":
            raise EngineDown("The engine broke.")
        async for piece in Parrot().generate(wish):
            yield piece

    parrot.generate = broken  # type: ignore[method-assign]
    compare(api, 503, models=["base", "ppo-2"])


def test_openais_client_gives_feedback(db: Database, serve: Serve, parrot: Parrot) -> None:
    running = Running(serve(**KEPT)[0].app, parrot)  # type: ignore[arg-type]
    try:
        client = running.client()
        chunks = client.chat.completions.create(
            model="prod", messages=[{"role": "user", "content": "Why?"}], n=2, stream=True
        )
        (id,) = {chunk.id for chunk in chunks}
        said = {"kind": "preferred", "completion_ids": [f"{id}-0", f"{id}-1"], "choice": 1}
        reply: Any = client.post("/feedback", cast_to=object, body=said | {"consent": True})
        assert reply["models"] == ["ppo-1", "ppo-1"]
        (judgment,) = judgments.live(db)
        assert (reply["judgment_id"], judgment.answer["choice"]) == (judgment.id, "B")
        with pytest.raises(NotFoundError, match="There is no completion nothing of yours"):
            client.post(
                "/feedback",
                cast_to=object,
                body={"kind": "thumb", "completion_ids": ["nothing"], "good": True},
            )
    finally:
        running.close()
