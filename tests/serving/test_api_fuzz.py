"""Every route of the served API under odd input: never a 500, always OpenAI's error body.

schemathesis makes the requests from the API's own OpenAPI description; what is hostile by hand
stands in a table.
"""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from rather.serving.backend import Piece, Wish
from rather.store.serving import api_keys
from tests.odd_requests import CHECKS
from tests.serving.conftest import House, Running

EXAMPLES_A_ROUTE = 40
STREAMS = {"/v1/chat/completions", "/v1/completions"}
"""Their events are no JSON; test_chat.py and test_text.py read them."""
CHAT: dict[str, Any] = {"model": "base", "messages": [{"role": "user", "content": "Hi"}]}
TEXT: dict[str, Any] = {"model": "base", "prompt": "Hi"}


class Echo:
    """A backend that says the same to everybody."""

    holds_whole_models = False

    async def start(self) -> None: ...

    async def close(self, grace_s: float) -> None: ...

    async def generate(self, wish: Wish) -> AsyncGenerator[Piece, None]:
        for number in range(len(wish.seeds)):
            yield Piece(number, "said", 1, finish_reason="stop")

    async def score(
        self, model: str, prompt_ids: Sequence[int], completions: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        return [[0.5 for _ in completions]]

    async def load(self, version: str) -> None: ...

    async def unload(self, version: str) -> None: ...

    def loaded(self) -> tuple[str, ...]:
        return ()

    def is_healthy(self) -> bool:
        return True

    def why_over(self) -> None:
        return None

    def notes(self) -> tuple[str, ...]:
        return ()

    def gauges(self) -> Mapping[str, float]:
        return {"requests_open": 0}


@pytest.mark.slow
@pytest.mark.parametrize("role", ["admin", "client"])
def test_odd_requests_get_an_answer_that_was_promised(house: House, role: api_keys.Role) -> None:
    app = house.app(Echo())
    key = api_keys.create(house.db, role, role)
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    headers = {"Authorization": f"Bearer {key}", "Host": "127.0.0.1"}
    num_routes = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        num_routes += 1

        @settings(
            max_examples=EXAMPLES_A_ROUTE,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def knock(case: schemathesis.Case) -> None:
            if case.path in STREAMS and isinstance(case.body, dict):
                case.body.pop("stream", None)
                case.body.pop("stream_options", None)
            case.call_and_validate(headers=headers, checks=CHECKS)

        knock()
    assert num_routes >= 12


HOSTILE: list[tuple[str, Any, int]] = [
    ("chat/completions", {**CHAT, "messages": []}, 400),
    ("chat/completions", {**CHAT, "messages": [{"role": "tool", "content": "x"}]}, 400),
    ("chat/completions", {**CHAT, "messages": [{"role": "user"}]}, 400),
    ("chat/completions", {**CHAT, "messages": [{"role": "user", "content": []}]}, 400),
    ("chat/completions", {**CHAT, "messages": "Hi"}, 400),
    ("chat/completions", {**CHAT, "n": 10**9}, 400),
    ("chat/completions", {**CHAT, "n": 0}, 400),
    ("chat/completions", {**CHAT, "max_tokens": 10**30}, 400),
    ("chat/completions", {**CHAT, "max_tokens": -1}, 400),
    ("chat/completions", {**CHAT, "temperature": -1}, 400),
    ("chat/completions", {**CHAT, "top_p": 0}, 400),
    ("chat/completions", {**CHAT, "seed": 2**64}, 400),
    ("chat/completions", {**CHAT, "stop": ["a"] * 5}, 400),
    ("chat/completions", {**CHAT, "stop": ""}, 400),
    ("chat/completions", {**CHAT, "top_logprobs": 5}, 400),
    ("chat/completions", {**CHAT, "max_tokens": 1, "max_completion_tokens": 1}, 400),
    ("chat/completions", {**CHAT, "stream_options": {"include_usage": True}}, 400),
    ("chat/completions", {**CHAT, "model": "x" * 10_000}, 400),
    ("chat/completions", {**CHAT, "model": "../../etc/passwd"}, 404),
    ("chat/completions", {**CHAT, "model": "ppo-1\x00"}, 404),
    ("chat/completions", {**CHAT, "model": "\ud800"}, 400),
    ("chat/completions", {**CHAT, "chat_template": "{{ 7*7 }}"}, 400),
    ("completions", {**TEXT, "prompt": "half \ud800 a pair"}, 400),
    ("completions", {**TEXT, "prompt": 5}, 400),
    ("completions", {**TEXT, "prompt": "word " * 2000}, 400),
    ("completions", [TEXT], 400),
    ("nowhere", TEXT, 404),
]


@pytest.mark.parametrize(("path", "body", "status"), HOSTILE)
def test_what_is_hostile_gets_openais_error(
    server: Running, path: str, body: Any, status: int
) -> None:
    before = server.backend.gauges()["steps_total"]
    reply = httpx2.post(f"{server.url}/v1/{path}", content=json.dumps(body), headers=JSON)
    assert reply.status_code == status
    told = reply.json()["error"]
    assert set(told) == {"message", "type", "param", "code"}
    assert 8 < len(told["message"]) < 400
    assert server.backend.gauges()["steps_total"] == before


JSON = {"Content-Type": "application/json"}
RAW: list[tuple[bytes, dict[str, str], int]] = [
    (b'{"model": "base", "prompt": "Hi", "temperature": NaN}', JSON, 400),
    (b'{"model": "base", "prompt": "Hi", "temperature": 1e999}', JSON, 400),
    (b"[" * 100_000, JSON, 400),
    (b'{"model": "base", "prompt": "\xff"}', JSON, 400),
    (b"", JSON, 400),
    (b"{", JSON, 400),
    (b"{}", {"Content-Type": "text/plain"}, 415),
    (b" " * (1 << 21), JSON, 413),
]


@pytest.mark.parametrize(("body", "headers", "status"), RAW)
def test_bodies_that_are_none_are_told(
    server: Running, body: bytes, headers: dict[str, str], status: int
) -> None:
    reply = httpx2.post(f"{server.url}/v1/completions", content=body, headers=headers)
    assert reply.status_code == status
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_the_wrong_method_is_told_in_the_same_shape(server: Running) -> None:
    reply = httpx2.get(f"{server.url}/v1/completions")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert reply.json()["error"]["message"]


def test_markers_of_the_template_are_text(server: Running) -> None:
    """Who spells a control token out does not end the turn."""
    said: Callable[[str], int] = lambda text: httpx2.post(  # noqa: E731
        f"{server.url}/v1/chat/completions",
        json={**CHAT, "messages": [{"role": "user", "content": text}], "max_tokens": 1},
    ).json()["usage"]["prompt_tokens"]
    # seven characters, one byte token each, instead of the one control token
    assert said("x<|end|>") - said("x") == 7
