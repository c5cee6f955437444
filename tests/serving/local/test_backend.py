"""The local engine by itself: mixed requests, a bounded queue, adapters that come and go."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rather.config.stages import Precision
from rather.errors import DataError
from rather.rollout.engine import Engine
from rather.serving.backend import EngineDown, QueueFull, Wish
from rather.serving.local.backend import LocalBackend
from tests.serving.conftest import NUM_POLICIES, House

PROMPT = (7, 8, 9, 10)
NAMES = ["base", *(f"ppo-{n + 1}" for n in range(NUM_POLICIES))]


def wish(model: str = "base", **how: Any) -> Wish:
    return Wish(**{"prompt_ids": PROMPT, "model": model, "seeds": (1,), "max_new_tokens": 20} | how)


@asynccontextmanager
async def started(house: House, **settings: Any) -> AsyncIterator[LocalBackend]:
    backend = house.backend(**settings)
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close(0)


async def text_of(backend: LocalBackend, wanted: Wish) -> list[str]:
    texts = ["" for _ in wanted.seeds]
    async for piece in backend.generate(wanted):
        texts[piece.number] += piece.text
    return texts


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 120))


def test_everybody_gets_what_they_would_get_alone(house: House) -> None:
    """Settings, adapters and lengths all differ; two adapters are in memory at a time."""

    async def work() -> None:
        wishes = [
            wish(
                name,
                seeds=(n, n + 1),
                temperature=(0.0, 0.7, 1.3)[n % 3],
                top_p=(1.0, 0.8)[n % 2],
                max_new_tokens=8 + n,
                prompt_ids=tuple(range(5, 8 + n % 4)),
                client=str(n % 3),
            )
            for n, name in enumerate(NAMES * 3)
        ]
        async with started(house) as backend:
            alone = [await text_of(backend, one) for one in wishes]
        async with started(house, resident_adapters=2) as backend:
            mixed = await asyncio.gather(*(text_of(backend, one) for one in wishes))
            assert backend.gauges()["adapters_resident"] == 2
        assert mixed == alone
        assert len(set(map(tuple, alone))) > 25

    run(work())


def test_who_leaves_frees_the_engine_before_the_next_token(house: House) -> None:
    async def work() -> None:
        async with started(house) as backend:
            leaving = backend.generate(wish("ppo-1", max_new_tokens=200, seeds=(3, 4)))
            async for _ in leaving:
                break
            await leaving.aclose()
            worker = backend._worker
            assert worker is not None
            # a command is done after the one before it, and that one let the rows go
            await asyncio.wrap_future(worker.call(lambda engine: None))
            before = worker.num_tokens
            assert await text_of(backend, wish(max_new_tokens=5))
            # nothing but those five tokens was made since
            assert worker.num_tokens - before <= 5
            assert backend.gauges()["requests_open"] == 0

    run(work())


def test_who_leaves_while_waiting_never_starts(house: House) -> None:
    async def work() -> None:
        async with started(house, resident_adapters=1) as backend:
            first = backend.generate(wish("ppo-1", max_new_tokens=200))
            await anext(first)
            # it waits for the place of the one that runs
            second = asyncio.ensure_future(text_of(backend, wish("ppo-2")))
            await asyncio.sleep(0.05)
            assert not second.done()
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            await first.aclose()
            assert await text_of(backend, wish("ppo-3"))
            assert backend.gauges()["adapters_resident"] == 1
            assert backend.gauges()["requests_open"] == 0

    run(work())


def test_a_full_queue_is_told_and_leaves_room_for_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "has_room", lambda self, rows, span: self.is_idle)

    async def work() -> None:
        async with started(house, queue_size=4) as backend:
            running = backend.generate(wish(max_new_tokens=240, client="greedy"))
            await anext(running)
            waiting = [
                asyncio.ensure_future(text_of(backend, wish(client="greedy"))) for _ in range(2)
            ]
            await asyncio.sleep(0.01)
            with pytest.raises(QueueFull):  # half of the places are taken by this one
                await text_of(backend, wish(client="greedy"))
            waiting += [asyncio.ensure_future(text_of(backend, wish(client=name))) for name in "ab"]
            await asyncio.sleep(0.01)
            with pytest.raises(QueueFull):
                await text_of(backend, wish(client="c"))
            assert backend.gauges()["requests_waiting"] == 4
            await running.aclose()
            assert all(await asyncio.gather(*waiting))
            assert backend.gauges()["requests_waiting"] == 0

    run(work())


def test_clients_take_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "has_room", lambda self, rows, span: self.is_idle)

    async def work() -> None:
        ended: list[str] = []

        async def one(backend: LocalBackend, client: str, number: int) -> None:
            await text_of(backend, wish(client=client, max_new_tokens=3))
            ended.append(f"{client}{number}")

        async with started(house) as backend:
            running = backend.generate(wish(max_new_tokens=240, client="x"))
            await anext(running)
            waiting = [one(backend, "a", n) for n in range(4)] + [one(backend, "b", 0)]
            tasks = [asyncio.ensure_future(work) for work in waiting]
            await asyncio.sleep(0.05)
            await running.aclose()
            await asyncio.gather(*tasks)
        assert ended.index("b0") == 1  # not behind all of a's

    run(work())


def test_a_bad_adapter_fails_alone(house: House) -> None:
    (house.root / "models" / "ppo-2" / "adapter_model.safetensors").write_bytes(b"\x00" * 64)

    async def work() -> None:
        async with started(house) as backend:
            alone = await text_of(backend, wish("ppo-1"))
            running = asyncio.ensure_future(text_of(backend, wish("ppo-1")))
            with pytest.raises(DataError, match="ppo-2 is damaged"):
                await backend.load("ppo-2")
            assert await running == alone
            assert backend.loaded() == ()
            await backend.load("ppo-1")
            assert backend.loaded() == ("ppo-1",)

    run(work())


def test_what_is_unloaded_ends_first(house: House) -> None:
    async def work() -> None:
        async with started(house) as backend:
            await backend.load("ppo-1")
            alone = await text_of(backend, wish("ppo-1", max_new_tokens=100))
            pieces = backend.generate(wish("ppo-1", max_new_tokens=100))
            text = (await anext(pieces)).text
            unloading = asyncio.ensure_future(backend.unload("ppo-1"))
            await asyncio.sleep(0)
            assert backend.loaded() == ()
            async for piece in pieces:
                text += piece.text
            assert [text] == alone
            await unloading
            assert backend.gauges()["adapters_resident"] == 0

    run(work())


def test_closing_lets_what_runs_end_or_says_that_it_did_not(house: House) -> None:
    async def close(grace: float, tokens: int) -> str | None:
        backend = house.backend()
        await backend.start()
        pieces = backend.generate(wish(max_new_tokens=tokens, seeds=(1, 2)))
        await anext(pieces)
        closing = asyncio.ensure_future(backend.close(grace))
        await asyncio.sleep(0)
        assert not backend.is_healthy()
        with pytest.raises(EngineDown, match="not taking requests"):
            await text_of(backend, wish())
        last = None
        async for piece in pieces:
            last = piece.finish_reason or last
        await closing
        return last

    assert asyncio.run(close(30, 30)) == "length"
    assert asyncio.run(close(0, 250)) == "abort"


def test_closing_tells_those_who_wait_for_an_adapter(house: House) -> None:
    async def work() -> None:
        backend = house.backend(resident_adapters=1)
        await backend.start()
        running = backend.generate(wish("ppo-1", max_new_tokens=240))
        await anext(running)
        waiting = asyncio.ensure_future(text_of(backend, wish("ppo-2")))
        await asyncio.sleep(0.05)
        closing = asyncio.ensure_future(backend.close(0))
        with pytest.raises(EngineDown, match="ended before this began"):
            await waiting
        assert [p.finish_reason async for p in running][-1] == "abort"
        await closing

    run(work())


def test_prompts_that_are_the_same_are_computed_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefilled: list[int] = []
    real: Callable[..., None] = Engine._begin

    def noted(self: Engine, arrivals: Any) -> None:
        prefilled.append(len(arrivals))
        real(self, arrivals)

    monkeypatch.setattr(Engine, "_begin", noted)

    async def work() -> None:
        async with started(house) as backend:
            assert len(set(await text_of(backend, wish(seeds=(1, 2, 3, 4))))) == 4

    run(work())
    assert prefilled == [1]


LONG = tuple(range(5, 45))


async def first_piece(backend: LocalBackend, wanted: Wish) -> int | None:
    """How much of a prompt was known, as its first piece says."""
    pieces = [piece async for piece in backend.generate(wanted)]
    assert [piece.num_known for piece in pieces[1:]] == [None] * (len(pieces) - 1)
    return pieces[0].num_known


@pytest.mark.parametrize(
    ("prefixes", "again", "others"), [("own", 39, 0), ("shared", 39, 39), ("off", 0, 0)]
)
def test_whose_prompts_help_whom_is_a_setting(
    house: House, prefixes: str, again: int, others: int
) -> None:
    async def work() -> None:
        async with started(house, prefixes=prefixes) as backend:
            asked = {"prompt_ids": LONG, "max_new_tokens": 3}
            assert await first_piece(backend, wish("ppo-1", client="ann", **asked)) == 0
            assert await first_piece(backend, wish("ppo-1", client="ann", **asked)) == again
            assert await first_piece(backend, wish("ppo-1", client="bob", **asked)) == others
            assert await first_piece(backend, wish("ppo-2", client="ann", **asked)) == 0
            gauges = backend.gauges()
            assert gauges.get("prefix_tokens_saved_total", 0) == again + others

    run(work())


@pytest.mark.parametrize(("dtype", "known", "unseeded"), [("float32", 79, 79), ("bfloat16", 0, 64)])
def test_who_names_a_seed_has_the_prompt_computed_by_the_same_products_again(
    house: House, dtype: Precision, known: int, unseeded: int
) -> None:
    """In bfloat16 a product of one row rounds otherwise than one of forty, and another token may
    be drawn."""

    async def work() -> None:
        async with started(house, dtype=dtype) as backend:
            ids = (*LONG, *LONG)
            asked: dict[str, Any] = {"prompt_ids": ids, "top_logprobs": 0, "is_seeded": True}
            said = [[p async for p in backend.generate(wish("ppo-1", **asked))] for _ in range(2)]
            assert [pieces[0].num_known for pieces in said] == [0, known]
            texts = ["".join(piece.text for piece in pieces) for pieces in said]
            assert texts[0] == texts[1]
            if not known:
                first, second = ([one.logprobs for one in pieces] for pieces in said)
                assert first == second  # to the last bit
            # what was computed is remembered; in bfloat16, whole blocks of it
            assert await first_piece(backend, wish("ppo-1", prompt_ids=ids)) == unseeded

    run(work())


def test_a_version_that_was_unloaded_is_not_remembered(house: House) -> None:
    async def work() -> None:
        async with started(house) as backend:
            await backend.load("ppo-1")
            asked = wish("ppo-1", prompt_ids=LONG, max_new_tokens=3)
            assert [await first_piece(backend, asked) for _ in range(2)] == [0, 39]
            assert backend.gauges()["prefix_bytes"] > 0
            await backend.unload("ppo-1")
            assert backend.gauges()["prefix_bytes"] == 0
            assert await first_piece(backend, asked) == 0

    run(work())


def test_who_gives_up_a_score_disturbs_nobody(house: House) -> None:
    async def work() -> None:
        async with started(house) as backend:
            await backend.load("reward-1")
            worker = backend._worker
            assert worker is not None
            may_go_on = threading.Event()
            held = worker.call(lambda engine: may_go_on.wait(30))
            scoring = asyncio.ensure_future(backend.score("reward-1", PROMPT, [(5, 6)]))
            await asyncio.sleep(0.05)
            scoring.cancel()
            await asyncio.gather(scoring, return_exceptions=True)
            may_go_on.set()
            await asyncio.wrap_future(held)
            assert await text_of(backend, wish())
            assert backend.gauges()["crashes_total"] == 0

    run(work())
