"""Clients that vanish, or read nothing: the engine makes no token for them, and others go on."""

import asyncio
import json
import socket
import time
from collections.abc import Callable

import pytest

from rather.serving import streaming
from rather.web import slow_clients
from tests.serving.conftest import House, Running


def request_of(path: str, **body: object) -> bytes:
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.005)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_vanishes_costs_one_token_more_at_most(server: Running, stream: bool) -> None:
    gauges = server.backend.gauges
    with socket.create_connection(server.address) as connection:
        connection.sendall(
            request_of(
                "/v1/completions", model="ppo-1", prompt="Hello", max_tokens=240, stream=stream,
                seed=4,
            )
        )  # fmt: skip
        wait_until(lambda: gauges()["completions_running"] == 1)
        if stream:
            assert connection.recv(200).startswith(b"HTTP/1.1 200")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    wait_until(lambda: gauges()["requests_open"] == 0)
    tokens = gauges()["tokens_total"]
    wait_until(lambda: gauges()["completions_running"] == 0)
    time.sleep(0.1)
    assert gauges()["tokens_total"] <= tokens + 1  # of the step that was under way
    ended = server.app.state.context.metrics.requests
    assert ended["ppo-1", "cancelled"] >= 1


def test_a_client_that_reads_nothing_is_dropped(
    house: House, serving: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does not take fills the buffers; from then on it has so long."""
    monkeypatch.setattr(slow_clients, "TAKING_SECONDS", 0.3)
    server = serving(house)
    real = server.backend.generate

    async def endless(wish: object) -> object:
        async for piece in real(wish):  # type: ignore[arg-type]
            for _ in range(20_000):
                await asyncio.sleep(0)
                yield piece

    monkeypatch.setattr(server.backend, "generate", endless)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(server.address)
        body = {"model": "base", "prompt": "Hello", "max_tokens": 200, "stream": True, "seed": 4}
        connection.sendall(request_of("/v1/completions", **body))
        wait_until(lambda: server.backend.gauges()["requests_open"] == 1)
        # others are served meanwhile, and the slow one is gone soon
        wait_until(lambda: server.backend.gauges()["requests_open"] == 0, 20)
    assert server.app.state.context.metrics.requests["base", "cancelled"] == 1


def test_a_stream_that_waits_shows_that_it_lives(
    house: House, serving: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("rather.serving.answering.HEARTBEAT_SECONDS", 0.05)
    server = serving(house)
    real = server.backend.generate

    async def late(wish: object) -> object:
        await asyncio.sleep(0.5)
        async for piece in real(wish):  # type: ignore[arg-type]
            yield piece

    monkeypatch.setattr(server.backend, "generate", late)
    with socket.create_connection(server.address) as connection:
        body = {"model": "base", "prompt": "Hello", "max_tokens": 2, "stream": True}
        connection.sendall(request_of("/v1/completions", **body))
        said = b""
        while b"[DONE]" not in said:
            said += connection.recv(4096)
    assert said.index(b": waiting") < said.index(b'"text"')
    assert said.count(b": waiting") >= 2
