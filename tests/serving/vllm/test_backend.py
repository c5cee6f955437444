"""The API's backend on a vLLM server: what it asks, what it makes of answers, and of faults."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from rather.errors import DataError
from rather.serving.backend import EngineDown, Piece, QueueFull, TokenLogprob
from rather.serving.vllm.backend import VllmBackend
from tests.serving.vllm.conftest import break_it, pieces, seen, told, wish

Make = Callable[..., VllmBackend]


def run(backend: VllmBackend, what: Callable[[], Awaitable[None]]) -> None:
    """Start a backend, do something with it, close it."""

    async def whole() -> None:
        await backend.start()
        try:
            await what()
        finally:
            await backend.close(0)

    asyncio.run(asyncio.wait_for(whole(), 60))


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come to that"
        await asyncio.sleep(0.02)


def test_pieces_are_the_server_s_tokens_in_order(backend: Make) -> None:
    ours = backend()

    async def ask() -> None:
        assert await pieces(ours, wish(top_logprobs=1)) == [
            Piece(0, "b", 1, (TokenLogprob("b", -0.5, (("b", -0.5), ("?", -1.0))),)),
            Piece(0, "c", 1, (TokenLogprob("c", -0.5, (("c", -0.5), ("?", -1.0))),)),
            Piece(0, "d", 1, (TokenLogprob("d", -0.5, (("d", -0.5), ("?", -1.0))),), "length"),
        ]
        (body,) = seen(ours)["bodies"]
        assert body == {
            "model": "base",
            "prompt": [7, 0],
            "seed": 1,
            "stop_token_ids": [2],
            "return_token_ids": True,
            "max_tokens": 3,
            "temperature": 1.0,
            "top_p": 1.0,
            "stop": [],
            "logprobs": 1,
            "stream": True,
        }

    run(ours, ask)


def test_each_seed_is_a_completion_and_a_stop_text_ends_it(backend: Make) -> None:
    ours = backend()

    async def ask() -> None:
        assert await told(ours, wish(seeds=(1, 2, 3))) == {0: "bcd", 1: "cde", 2: "def"}
        last = (await pieces(ours, wish(stop=("c",))))[-1]
        assert (last.text, last.finish_reason) == ("", "stop")
        assert ours.gauges()["tokens_total"] == 9 + 2

    run(ours, ask)


def test_an_adapter_is_asked_for_by_its_name_after_it_was_loaded(
    backend: Make, adapters: Path
) -> None:
    ours = backend()

    async def ask() -> None:
        with pytest.raises(EngineDown, match="ppo-1 is not loaded"):
            await told(ours, wish(model="ppo-1"))
        await ours.load("ppo-1")
        await ours.load("ppo-1")
        assert ours.loaded() == ("ppo-1",)
        assert await told(ours, wish(model="ppo-1")) == {0: "BCD"}
        assert seen(ours)["loaded"] == {"ppo-1": str(adapters / "ppo-1")}

    run(ours, ask)


@pytest.mark.parametrize(
    ("name", "said"),
    [("none-1", "no version none-1"), ("wide-1", "rank 64, and this vLLM .* up to 16")],
)
def test_a_bad_adapter_is_refused_before_the_server_hears_of_it(
    backend: Make, name: str, said: str
) -> None:
    ours = backend()

    async def ask() -> None:
        with pytest.raises(DataError, match=said):
            await ours.load(name)
        assert seen(ours)["loaded"] == {}
        assert await told(ours, wish()) == {0: "bcd"}

    run(ours, ask)


def test_an_adapter_the_server_cannot_read_is_told_in_its_words(backend: Make) -> None:
    ours = backend()

    async def ask() -> None:
        break_it(ours, "rejects")
        with pytest.raises(DataError, match=r"cannot load ppo-1 \(500 an adapter it cannot read\)"):
            await ours.load("ppo-1")
        assert ours.loaded() == ()

    run(ours, ask)


def test_unloading_waits_for_the_last_request(backend: Make) -> None:
    ours = backend("--delay", "0.1")

    async def ask() -> None:
        await ours.load("ppo-1")
        answer = asyncio.create_task(told(ours, wish(model="ppo-1", max_new_tokens=5)))
        await until(lambda: seen(ours)["running"] == 1)
        unloading = asyncio.create_task(ours.unload("ppo-1"))
        await asyncio.sleep(0.1)
        assert ours.loaded() == () and not unloading.done()
        with pytest.raises(EngineDown, match="ppo-1 is not loaded"):
            await told(ours, wish(model="ppo-1"))
        assert await answer == {0: "BCDEF"}
        await unloading
        assert seen(ours)["loaded"] == {}

    run(ours, ask)


def test_closing_the_iterator_has_the_server_stop(backend: Make) -> None:
    ours = backend("--delay", "0.05")

    async def ask() -> None:
        async with aclosing(ours.generate(wish(seeds=(1, 2), max_new_tokens=400))) as stream:
            async for _ in stream:
                break
        await until(lambda: seen(ours)["aborted"] == 2)
        assert ours.gauges()["completions_running"] == 0

    run(ours, ask)


def test_what_is_too_much_is_refused_and_the_rest_waits(backend: Make) -> None:
    ours = backend("--delay", "0.02", max_running=2, max_waiting=4)

    async def ask() -> None:
        four = asyncio.create_task(told(ours, wish(seeds=(1, 2, 3, 4))))
        await until(lambda: ours.gauges()["completions_running"] == 2)
        assert ours.gauges()["completions_waiting"] == 2
        with pytest.raises(QueueFull):
            await told(ours, wish())
        assert await four == {0: "bcd", 1: "cde", 2: "def", 3: "efg"}
        assert seen(ours)["most_running"] == 2

    run(ours, ask)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("500", "500 out of memory"),
        ("breaks off", "RemoteProtocolError"),
        ("complains", "the engine is dead"),
    ],
)
def test_a_server_that_fails_is_told_and_the_next_request_works(
    backend: Make, fault: str, said: str
) -> None:
    ours = backend()

    async def ask() -> None:
        break_it(ours, fault)
        with pytest.raises(EngineDown, match=said):
            await told(ours, wish(max_new_tokens=5))
        break_it(ours, "")
        assert await told(ours, wish()) == {0: "bcd"}

    run(ours, ask)


def test_a_killed_server_comes_back_with_its_adapters(backend: Make) -> None:
    ours = backend("--delay", "0.05")

    async def ask() -> None:
        await ours.load("ppo-1")
        await ours.load("ppo-2")
        answer = asyncio.create_task(told(ours, wish(model="ppo-1", max_new_tokens=400)))
        await until(lambda: seen(ours)["running"] == 1)
        os.killpg(ours._server._process._group, signal.SIGKILL)
        with pytest.raises(EngineDown):
            await answer
        await until(lambda: not ours.is_healthy())
        with pytest.raises(EngineDown, match="not answering"):
            await told(ours, wish())
        await until(ours.is_healthy)
        assert set(seen(ours)["loaded"]) == {"ppo-1", "ppo-2"}
        assert await told(ours, wish(model="ppo-2")) == {0: "BCD"}
        assert ours.gauges()["restarts_total"] == 1

    run(ours, ask)


def test_an_adapter_that_went_bad_is_left_out_after_a_restart(
    backend: Make, adapters: Path
) -> None:
    ours = backend()

    async def ask() -> None:
        await ours.load("ppo-1")
        await ours.load("ppo-2")
        (adapters / "ppo-1" / "adapter_config.json").write_text('{"r": 999}')
        os.killpg(ours._server._process._group, signal.SIGKILL)
        await until(lambda: not ours.is_healthy())
        await until(ours.is_healthy)
        assert ours.loaded() == ("ppo-2",)
        assert any("ppo-1 is not served any more" in line for line in ours.said)

    run(ours, ask)


def test_an_engine_that_hangs_behind_a_healthy_face_is_started_anew(backend: Make) -> None:
    ours = backend(quiet_s=0.2, hang_s=0.5)

    async def ask() -> None:
        break_it(ours, "silent")
        answer = asyncio.create_task(told(ours, wish()))
        await until(lambda: not ours.is_healthy(), seconds=5)
        with pytest.raises(EngineDown):
            await answer
        await until(ours.is_healthy)
        assert await told(ours, wish()) == {0: "bcd"}
        assert any("has not answered for" in line for line in ours.said)

    run(ours, ask)


def test_what_is_cut_off_by_the_end_ends_with_abort(backend: Make) -> None:
    ours = backend("--delay", "0.05")

    async def whole() -> list[Piece]:
        await ours.start()
        answer = asyncio.create_task(pieces(ours, wish(max_new_tokens=400)))
        await until(lambda: seen(ours)["running"] == 1)
        await ours.close(0.2)
        return await answer

    found = asyncio.run(whole())
    assert found[-1].finish_reason == "abort" and len(found) > 1


def test_scores_are_our_own_engine_s_which_is_begun_when_first_asked(backend: Make) -> None:
    ours = backend()
    own = ours._judges._own

    async def ask() -> None:
        assert own.done == [] and ours.loaded() == ()
        await ours.load("reward-1")
        assert await ours.score("reward-1", (1,), [(1, 2), (3,)]) == [[2.0, 1.0]]
        assert ours.loaded() == ("reward-1",)
        await ours.unload("reward-1")

    run(ours, ask)
    assert own.done == ["start", "load reward-1", "unload reward-1", "close"]


def test_what_the_server_will_not_do_is_told_in_its_words(backend: Make) -> None:
    ours = backend()

    async def ask() -> None:
        break_it(ours, "400")
        with pytest.raises(DataError, match=r"refuses this request \(400 too long for it\)"):
            await told(ours, wish())

    run(ours, ask)
