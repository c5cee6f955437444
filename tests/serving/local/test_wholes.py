"""Whole models come, go, break and judge; the base and everybody else on it notice nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
import torch

from rather.data.batch import Row
from rather.models.library import Library
from rather.rollout.engine import Engine
from rather.rollout.padded import _Turn
from rather.rollout.tables import score_rows
from rather.serving.backend import EngineDown, Piece
from rather.serving.local import worker
from rather.store import versions
from tests.serving.conftest import House, Running
from tests.serving.local.test_backend import PROMPT, run, text_of, wish
from tests.serving.local.test_models import alone, greedy, started
from tests.serving.local.test_worker import wait_until

COMPLETIONS = ((5, 6, 7), (8, 9))


def threads_of_groups() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name == "rather-padded"}


async def text_until_end(pieces: AsyncIterator[Piece]) -> str:
    return "".join([piece.text async for piece in pieces])


def scores(house: House, name: str) -> list[list[float]]:
    """What `rather score` says: another way to the same weights."""
    known = {one.name: one for one in versions.all(house.db)}
    members = Library(house.root, "base-model", "float32", known).reward_members(name)
    with torch.inference_mode():
        return [score_rows(one, [Row(PROMPT, COMPLETIONS)], 99)[0] for one in members]


def test_a_padded_one_that_makes_room_leaves_no_thread_with_its_weights(
    padded: Callable[[str], House],
) -> None:
    """Its client has just left, and no step was made since."""
    others = threads_of_groups()  # of tests before, whose engines were dropped in the middle
    house = padded("lfm2")
    house.publish_whole("sft-1", seed=1)
    house.publish_whole("sft-2", seed=2)

    async def work() -> None:
        async with started(house, whole_models=1) as models:
            stream = models.generate(wish("sft-1", max_new_tokens=100))
            for _ in range(3):
                await anext(stream)
            other = asyncio.ensure_future(text_of(models, greedy("sft-2")))
            await asyncio.sleep(0.05)
            assert not other.done()
            await stream.aclose()
            assert await other == [alone(house, "sft-2")]
            await asyncio.to_thread(wait_until, lambda: threads_of_groups() <= others, 10)

    run(work())


def test_a_group_that_hangs_is_left_and_ends_when_it_can(
    padded: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another group beside it, which stands still while this one is at its token."""
    others = threads_of_groups()
    house = padded("bloom")
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.05)
    may_go_on, hangs = threading.Event(), threading.Event()
    real = _Turn.__call__

    def hang_once(turn: _Turn, *given: Any) -> Any:
        if turn._group.rows[0][0].adapter == "ppo-1" and not hangs.is_set():
            hangs.set()
            assert may_go_on.wait(60)
        return real(turn, *given)

    async def work() -> None:
        async with started(house, hang_seconds=1.0) as models:
            wanted = await text_of(models, greedy("ppo-2"))
            beside = models.generate(wish(max_new_tokens=200))
            await anext(beside)
            monkeypatch.setattr(_Turn, "__call__", hang_once)
            first = asyncio.ensure_future(text_of(models, greedy("ppo-1")))
            await asyncio.to_thread(hangs.wait, 30)
            second = asyncio.ensure_future(text_of(models, greedy("ppo-2")))
            with pytest.raises(EngineDown, match="The engine hung while it made this answer"):
                await first
            with pytest.raises(EngineDown, match="The engine hung while it made this answer"):
                await text_until_end(beside)
            assert await second == wanted
            assert models.gauges()["hangs_total"] == 1
            may_go_on.set()
            await asyncio.to_thread(wait_until, lambda: threads_of_groups() <= others, 10)

    try:
        run(work())
    finally:
        may_go_on.set()


def test_one_that_breaks_too_often_is_refused_alone(
    whole: House, serving: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.05)
    wanted = {name: alone(whole, name) for name in ("sft-1", "ppo-1")}
    server = serving(whole, max_restarts=1)
    base = server.backend._base._worker.engine  # type: ignore[attr-defined]
    real, is_broken = Engine.step, threading.Event()

    def step(engine: Engine) -> int:
        if engine is not base and is_broken.is_set():
            raise RuntimeError("it breaks")
        return real(engine)

    monkeypatch.setattr(Engine, "step", step)

    def ask(name: str) -> httpx2.Response:
        asked = {"model": name, "prompt": list(PROMPT), "max_tokens": 12, "temperature": 0}
        return httpx2.post(f"{server.url}/v1/completions", json=asked, timeout=60)

    assert ask("sft-1").json()["choices"][0]["text"] == wanted["sft-1"]
    is_broken.set()
    for _ in range(3):
        assert ask("sft-1").status_code == 503
    reply = ask("sft-1").json()["error"]
    assert reply["message"].startswith(
        "sft-1 is not served any more: The engine broke or hung 2 times in"
    )
    assert ask("ppo-11").status_code == 503  # it sits on sft-1
    assert ask("ppo-1").json()["choices"][0]["text"] == wanted["ppo-1"]
    health = httpx2.get(f"{server.url}/health")
    assert health.status_code == 200
    assert any(
        note.startswith("sft-1 cannot answer: The engine") for note in health.json()["notes"]
    )
    is_broken.clear()
    server.do(server.backend.unload("sft-1")).result(30)
    assert ask("sft-1").json()["choices"][0]["text"] == wanted["sft-1"]


def test_totals_never_become_less(whole: House) -> None:
    async def work() -> None:
        async with started(whole, whole_models=1) as models:
            await text_of(models, greedy("sft-1"))
            before = models.gauges()
            assert before["tokens_total"] > 0
            await text_of(models, greedy("sft-2"))
            after = models.gauges()
            for name in ("tokens_total", "steps_total", "prefix_lookups_total"):
                assert after[name] > before[name]

    run(work())


def test_to_unload_an_adapter_brings_no_model_back(whole: House) -> None:
    async def work() -> None:
        async with started(whole, whole_models=1) as models:
            await models.load("ppo-11")
            await models.load("sft-2")  # takes the place of sft-1
            models._wholes._bring = None  # type: ignore[assignment, method-assign]
            await models.unload("ppo-11")
            assert models.loaded() == ("sft-2",)

    run(work())


def test_one_may_judge(whole: House, serving: Callable[..., Running]) -> None:
    whole.publish_whole("reward-11", seed=4)
    server = serving(whole)
    wanted = scores(whole, "reward-11")

    async def work() -> Any:
        await server.backend.load("reward-11")
        return await server.backend.score("reward-11", PROMPT, COMPLETIONS)

    assert server.do(work()).result(60) == [pytest.approx(one, abs=1e-5) for one in wanted]
    asked = {"model": "reward-11", "prompt": "Why?", "completion": ["Because.", "No."]}
    reply = httpx2.post(f"{server.url}/v1/score", json=asked, timeout=60).json()
    first, second = (one["score"] for one in reply["data"])
    assert first != second
    said = httpx2.post(f"{server.url}/v1/completions", json={"model": "reward-11", "prompt": "Hi"})
    assert said.status_code == 404


def test_a_model_that_remembers_by_itself_scores_beside_what_it_says(
    padded: Callable[[str], House],
) -> None:
    house = padded("recurrent_gemma")
    house.publish("reward-1", seed=5, num_members=2)
    wanted = scores(house, "reward-1")

    async def work() -> None:
        async with started(house) as models:
            undisturbed = await text_of(models, greedy("ppo-1"))
            await models.load("reward-1")
            stream = models.generate(greedy("ppo-1"))
            told = [(await anext(stream)).text]
            found = await models.score("reward-1", PROMPT, COMPLETIONS)
            told += [piece.text async for piece in stream]
            assert found == [pytest.approx(one, abs=1e-5) for one in wanted]
            assert ["".join(told)] == undisturbed

    run(work())
