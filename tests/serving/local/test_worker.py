"""An engine that breaks is replaced, one that hangs shows, and clients are told."""

import asyncio
import threading
import time
from collections.abc import Callable

import httpx2
import openai
import pytest

from rather.rollout.engine import Engine
from rather.serving.local import worker
from tests.serving.conftest import House, Running


def wait_until(holds: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it never came"
        time.sleep(0.01)
    return time.monotonic() - began


def test_an_engine_that_breaks_is_replaced(
    house: House,
    serving: type[Running],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", 3.0)
    server = serving(house)
    client = server.client()

    def ask() -> str:
        reply = client.completions.create(model="ppo-1", prompt="Hello", max_tokens=20, seed=1)
        return str(reply.choices[0].text)

    before = ask()
    real = Engine.step
    broken = threading.Event()

    def break_once(self: Engine) -> int:
        if self.num_rows and not broken.is_set():
            broken.set()
            raise MemoryError("no room")
        return real(self)

    monkeypatch.setattr(Engine, "step", break_once)
    with pytest.raises(openai.InternalServerError) as caught:
        ask()
    assert (caught.value.status_code, caught.value.code) == (503, "engine_down")
    assert httpx2.get(f"{server.url}/health").status_code == 503
    assert int(httpx2.get(f"{server.url}/health").headers["retry-after"]) > 0
    wait_until(lambda: httpx2.get(f"{server.url}/health").status_code == 200, 20)
    assert ask() == before  # the adapter is still there
    assert "no room" in caplog.text
    assert "rather_engine_crashes_total 1" in httpx2.get(f"{server.url}/metrics").text


def test_a_stream_that_breaks_says_so(
    house: House, serving: type[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.05)
    server = serving(house)
    real = Engine.step

    def break_later(self: Engine) -> int:
        if self._rows and len(self._rows[0][0].completions[0].ids) == 3:
            raise RuntimeError("it breaks")
        return real(self)

    monkeypatch.setattr(Engine, "step", break_later)
    stream = server.client().completions.create(
        model="base", prompt="Hello", max_tokens=20, stream=True
    )
    with pytest.raises(openai.APIError, match="The engine broke while it made this answer"):
        list(stream)


def test_an_engine_that_hangs_shows_within_its_time(
    house: House, serving: type[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(house, watchdog_seconds=0.5)
    client = server.client()
    assert client.completions.create(model="base", prompt="Hello", max_tokens=1)
    real, may_go_on, hangs = Engine.step, threading.Event(), threading.Event()

    def hang(self: Engine) -> int:
        if not may_go_on.is_set():
            hangs.set()
            assert may_go_on.wait(30)
        return real(self)

    monkeypatch.setattr(Engine, "step", hang)
    pieces = server.backend.generate

    async def ask() -> int:
        from rather.serving.backend import Wish

        return len([p async for p in pieces(Wish((7, 8), "base", (1,), 4))])

    waiting = server.do(ask())
    assert hangs.wait(10)
    took = wait_until(lambda: httpx2.get(f"{server.url}/health").status_code == 503, 5)
    assert took < 2
    with pytest.raises(openai.InternalServerError) as caught:
        client.completions.create(model="base", prompt="Hello", max_tokens=1)
    assert (caught.value.status_code, caught.value.code) == (503, "engine_down")
    may_go_on.set()
    assert waiting.result(20) >= 1  # what ran goes on when the engine does
    wait_until(lambda: httpx2.get(f"{server.url}/health").status_code == 200, 5)


def test_the_pause_doubles_up_to_a_limit(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(worker, "LONGEST_PAUSE", 0.03)
    engines: list[Engine] = []

    def make() -> Engine:
        engines.append(Engine(house.backbone, lays_out=False))
        return engines[-1]

    made = worker.Worker(make, lambda: None, 5.0)
    made.start()
    pauses = []
    for _ in range(4):
        monkeypatch.setattr(made, "_admit", _break)
        before = made.num_crashes
        made.call(lambda: None)
        wait_until(lambda before=before: made.num_crashes > before and made.is_healthy(), 5)  # type: ignore[misc]
        pauses.append(made._pause)
    made.stop()
    assert pauses == [0.01, 0.02, 0.03, 0.03]
    assert len(engines) == 5
    assert not made.is_healthy()  # it has ended


def _break() -> None:
    raise RuntimeError("it breaks")


def test_a_command_that_fails_disturbs_nobody(house: House) -> None:
    made = worker.Worker(lambda: Engine(house.backbone, lays_out=False), lambda: None, 5.0)
    made.start()

    async def work() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.wrap_future(made.call(lambda: 1 / 0))
        assert await asyncio.wrap_future(made.call(lambda: 3)) == 3

    asyncio.run(work())
    assert made.num_crashes == 0
    made.stop()
