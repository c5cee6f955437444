"""An engine that breaks, hangs or dies is replaced; clients are told, the others are served."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import httpx2
import openai
import pytest

from rather.models.backbone import Backbone
from rather.rollout.engine import Engine
from rather.rollout.requests import Ticket
from rather.serving.backend import EngineDown, Wish
from rather.serving.local import shift, worker
from rather.serving.local.desk import Desk, Letter
from rather.serving.local.shift import Shift, Tools
from rather.serving.local.worker import Limits, Worker
from tests.serving.conftest import House, Running

LIMITS = Limits(stuck_s=5.0, hang_s=60.0, most_restarts=5, window_s=600.0)


def wait_until(holds: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it never came"
        time.sleep(0.01)
    return time.monotonic() - began


class Hook:
    """Blocks the step of the first engine that has something to do, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hangs, self.may_go_on = threading.Event(), threading.Event()
        self.engine: Engine | None = None
        self.thread: threading.Thread | None = None
        self.error: Exception | None = None
        real = Engine._forward

        def forward(engine: Engine) -> None:
            if self.engine is None:
                self.engine, self.thread = engine, threading.current_thread()
                self.hangs.set()
                assert self.may_go_on.wait(60)
                if self.error is not None:
                    raise self.error
            real(engine)

        monkeypatch.setattr(Engine, "_forward", forward)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    made = Hook(monkeypatch)
    yield made
    made.may_go_on.set()


def status(server: Running) -> int:
    return httpx2.get(f"{server.url}/health").status_code


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
    assert int(caught.value.response.headers["retry-after"]) > 0
    assert status(server) == 503
    wait_until(lambda: status(server) == 200, 20)
    assert ask() == before  # the adapter is still there
    assert "no room" in caplog.text
    page = httpx2.get(f"{server.url}/metrics").text
    assert "rather_engine_crashes_total 1" in page
    assert "rather_engine_restarts_total 1" in page


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
    # the likeliest tokens: random ones may be parts of a character, and then nothing is sent yet
    stream = server.client().completions.create(
        model="base", prompt="Hello", max_tokens=20, stream=True, temperature=0
    )
    with (
        stream,
        pytest.raises(openai.APIError, match="The engine broke while it made this answer"),
    ):
        list(stream)


def test_one_that_is_slow_shows_and_goes_on(
    house: House, serving: type[Running], hook: Hook
) -> None:
    server = serving(house, watchdog_seconds=0.5)
    waiting = server.do(ask(server, Wish((7, 8), "base", (1,), 4)))
    assert hook.hangs.wait(10)
    assert wait_until(lambda: status(server) == 503, 5) < 2
    with pytest.raises(openai.InternalServerError) as caught:
        server.client().completions.create(model="base", prompt="Hello", max_tokens=1)
    assert (caught.value.status_code, caught.value.code) == (503, "engine_down")
    hook.may_go_on.set()
    assert waiting.result(20)
    wait_until(lambda: status(server) == 200, 5)
    assert server.backend.gauges()["restarts_total"] == 0


def test_a_process_that_was_stopped_and_goes_on_did_not_hang(
    house: House, serving: type[Running], hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(house, watchdog_seconds=5.0, hang_seconds=20.0)
    running = server.do(ask(server, Wish((7, 8), "base", (1,), 4)))
    assert hook.hangs.wait(10)
    real, began = time.monotonic, time.monotonic()
    # Ctrl-Z, a frozen container, a paused machine: an hour is gone for all threads alike
    clock = SimpleNamespace(monotonic=lambda: real() + 3600, time=time.time)
    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(shift, "time", clock)
    wait_until(lambda: real() - began > 2.5, 10)  # the watch looks once a second
    assert status(server) == 200
    hook.may_go_on.set()
    assert running.result(20)
    assert server.backend.gauges()["hangs_total"] == 0


async def ask(server: Running, wanted: Wish) -> str:
    return "".join([piece.text async for piece in server.backend.generate(wanted)])


def test_one_that_hangs_is_left_and_whoever_waited_is_served(
    house: House, serving: type[Running], hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    """Red, then green; what ran ends with a sentence, what waited is answered, by the adapter."""
    hook.may_go_on.set()
    expected = serving(house)
    wanted = Wish((7, 8, 9), "ppo-2", (3,), 12, client="bob")
    alone = expected.do(ask(expected, wanted)).result(60)
    hook.may_go_on.clear()
    hook.engine = None
    hook.hangs.clear()
    server = serving(house, watchdog_seconds=0.4, hang_seconds=1.5)
    server.do(server.backend.load("ppo-2")).result(20)
    running = server.do(ask(server, Wish((7, 8), "base", (1,), 30, client="ann")))
    assert hook.hangs.wait(20)
    waiting = server.do(ask(server, wanted))
    wait_until(lambda: status(server) == 503, 5)
    with pytest.raises(Exception, match="The engine hung while it made this answer; try again"):
        running.result(20)
    assert waiting.result(20) == alone
    wait_until(lambda: status(server) == 200, 10)
    page = httpx2.get(f"{server.url}/metrics").text
    assert "rather_engine_hangs_total 1" in page
    assert "rather_engine_restarts_total 1" in page
    assert "the engine hangs" in caplog.text
    # the thread that was left wakes up, in the middle of its step, and disturbs nobody
    assert hook.thread is not None
    going = [server.do(ask(server, wanted)) for _ in range(3)]
    tokens = server.backend.gauges()["tokens_total"]
    hook.may_go_on.set()
    assert [one.result(20) for one in going] == [alone] * 3
    hook.thread.join(10)
    assert not hook.thread.is_alive()
    assert server.backend.gauges()["tokens_total"] <= tokens + 3 * 12
    assert server.backend.gauges()["requests_open"] == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_without_a_word_is_replaced(
    house: House, serving: type[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.05)
    server = serving(house, hang_seconds=2.0)
    real, is_dead = Engine._forward, threading.Event()

    def die(self: Engine) -> None:
        if not is_dead.is_set():
            is_dead.set()
            raise SystemExit  # no Exception: nobody in the thread hears of it
        real(self)

    monkeypatch.setattr(Engine, "_forward", die)
    with pytest.raises(openai.InternalServerError) as caught:
        server.client().completions.create(model="base", prompt="Hello", max_tokens=2)
    assert caught.value.status_code == 503
    wait_until(lambda: status(server) == 200, 10)
    assert server.client().completions.create(model="base", prompt="Hello", max_tokens=2)


def test_a_request_that_breaks_engines_before_it_is_begun_is_kept_once(
    house: House, serving: type[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.01)
    server = serving(house)
    real = Engine._admitted

    def break_on_one(self: Engine) -> list[Ticket]:
        if any(ticket.request.prompt_ids == (66, 6) for ticket in self._waiting):
            raise RuntimeError("it breaks")
        return real(self)

    monkeypatch.setattr(Engine, "_admitted", break_on_one)
    with pytest.raises(Exception, match="The engine broke"):
        server.do(ask(server, Wish((66, 6), "base", (1,), 4))).result(20)
    assert server.backend.gauges()["restarts_total"] == 2
    wait_until(server.backend.is_healthy, 10)
    assert server.do(ask(server, Wish((7, 8), "base", (1,), 4))).result(20)


def test_after_too_many_the_process_is_to_end(
    house: House, serving: type[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.01)
    server = serving(house, max_restarts=2)
    monkeypatch.setattr(Engine, "_forward", _break)
    for _ in range(3):
        wait_until(server.backend.is_healthy, 10)
        with pytest.raises(Exception, match="The engine broke"):
            server.do(ask(server, Wish((7, 8), "base", (1,), 4))).result(20)
    assert server.backend.gauges()["restarts_total"] == 2
    server.thread.join(20)  # nobody asked it to end
    assert not server.thread.is_alive()
    why = server.backend.why_over()
    assert why is not None
    assert why.startswith("The engine broke or hung 3 times in 0 s; ")


class Bench:
    """A worker by itself."""

    def __init__(self, backbone: Backbone, limits: Limits = LIMITS) -> None:
        self.backbone, self.letters, self.engines = backbone, list[Letter](), list[Engine]()
        self.worker = Worker(self._make, Desk(self.letters.extend), limits)
        self.worker.start()

    def _make(self) -> Tools:
        self.engines.append(Engine(self.backbone, lays_out_for=0))
        return Tools(self.engines[-1], str)


def _break(*_: object) -> None:
    raise RuntimeError("it breaks")


def test_the_pause_doubles_up_to_a_limit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(worker, "LONGEST_PAUSE", 0.03)
    monkeypatch.setattr(Shift, "_settle", _break)
    bench = Bench(house.backbone)
    pauses = []
    for number in range(4):
        bench.worker.call(lambda engine: None)
        wait_until(lambda number=number: len(bench.engines) == number + 2, 5)  # type: ignore[misc]
        wait_until(bench.worker.is_healthy, 5)
        pauses.append(bench.worker._pause)
    bench.worker.stop()
    assert pauses == [0.01, 0.02, 0.03, 0.03]
    assert not bench.worker.is_healthy()  # it has ended


def test_an_action_that_fails_disturbs_nobody(house: House) -> None:
    bench = Bench(house.backbone)

    async def work() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.wrap_future(bench.worker.call(lambda engine: 1 / 0))
        assert await asyncio.wrap_future(bench.worker.call(lambda engine: 3)) == 3

    asyncio.run(work())
    assert bench.worker.num_crashes == 0
    bench.worker.stop()
    with pytest.raises(Exception, match="The server ended before this was done"):
        bench.worker.call(lambda engine: 3).result(5)


def test_an_action_that_hangs_fails_and_the_next_is_done(house: House) -> None:
    bench = Bench(house.backbone, Limits(stuck_s=0.2, hang_s=0.5, most_restarts=5, window_s=60.0))
    may_go_on = threading.Event()
    hanging = bench.worker.call(lambda engine: may_go_on.wait(30))
    after = bench.worker.call(lambda engine: engine)
    with pytest.raises(Exception, match="The engine hung"):
        hanging.result(10)
    assert after.result(10) is bench.engines[1]
    may_go_on.set()
    assert bench.worker.num_hangs == 1
    bench.worker.stop()


def test_one_that_breaks_while_the_server_ends_is_not_replaced(house: House, hook: Hook) -> None:
    backend = house.backend(watchdog_seconds=30.0)
    hook.error = RuntimeError("it breaks")

    async def work() -> None:
        await backend.start()
        assert backend._worker is not None
        stream = backend.generate(Wish((7, 8), "base", (1,), 5))
        told = asyncio.ensure_future(anext(stream))
        await asyncio.to_thread(hook.hangs.wait, 30)
        stopping = asyncio.ensure_future(asyncio.to_thread(backend._worker.stop))
        await asyncio.sleep(0.1)
        hook.may_go_on.set()
        await stopping
        with pytest.raises(EngineDown):
            await told
        await stream.aclose()
        assert backend.gauges()["restarts_total"] == 0
        assert hook.thread is not None
        assert not hook.thread.is_alive()

    asyncio.run(work())
