"""Architectures that cannot be packed: served all the same, slower, and that is said."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rather.models.backbone import load_backbone
from rather.models.library import Library
from rather.rollout.local import Request, Settings, sample
from rather.serving.local.models import LocalModels
from rather.store.database import Database
from tests.models.conftest import PADDED, build
from tests.serving.conftest import House, Running
from tests.serving.local.test_backend import run, text_of, wish


@pytest.fixture
def padded(tmp_path: Path, tiny_tokenizer: Any) -> Iterator[Callable[[str], House]]:
    """Makes a workspace on a random model of a family, with two adapters."""
    opened: list[Database] = []

    def make(family: str) -> House:
        build(PADDED[family]()).save_pretrained(tmp_path / "base-model")
        tiny_tokenizer.save_pretrained(tmp_path / "base-model")
        db = Database.open(tmp_path / "rather.db", create=True)
        opened.append(db)
        house = House(tmp_path, db, Library(tmp_path, "base-model", "float32", {}))
        for number in (1, 2):
            house.publish(f"ppo-{number}", seed=number)
        return house

    yield make
    for db in opened:
        db.close()


@asynccontextmanager
async def started(house: House, **settings: Any) -> AsyncIterator[LocalModels]:
    models = house.models(**settings)
    await models.start()
    try:
        yield models
    finally:
        await models.close(0)


@pytest.mark.parametrize("family", ["lfm2", "bloom", "recurrent_gemma"])
def test_everybody_gets_what_they_would_get_alone(
    padded: Callable[[str], House], family: str
) -> None:
    house = padded(family)
    backbone = load_backbone(house.root / "base-model", house.backbone.model.dtype, "cpu")
    prompts = [(7, 8, 9), (40, 41), (50, 51, 52)]
    requests = [Request(ids, (5, 6)) for ids in prompts]
    drawn = sample(backbone, None, requests, Settings(0.8, 9, (2,)))
    codec = house.library.codec("base")
    wanted = [[codec.text(one.ids) for one in many] for many in drawn]

    async def work() -> None:
        async with started(house) as models:
            asked: dict[str, Any] = {"seeds": (5, 6), "temperature": 0.8, "max_new_tokens": 9}
            wishes = [
                wish(name, prompt_ids=ids, **asked)
                for name in ("base", "ppo-1", "ppo-2")
                for ids in prompts
            ]
            found = await asyncio.gather(*(text_of(models, one) for one in wishes))
            assert found[:3] == wanted
            apart = [await text_of(models, one) for one in wishes]
            assert found == apart
            assert len({str(one) for one in found}) == len(wishes)

    run(work())


def test_it_streams_and_who_leaves_costs_one_token_more(padded: Callable[[str], House]) -> None:
    house = padded("lfm2")

    async def work() -> None:
        async with started(house) as models:
            stream = models.generate(wish(max_new_tokens=100, top_logprobs=1))
            pieces = [await anext(stream) for _ in range(3)]
            assert [len(one.logprobs) for one in pieces] == [1, 1, 1]
            other = await text_of(models, wish("ppo-1", max_new_tokens=3))  # nobody waits for it
            assert other != [""]
            await stream.aclose()
            at_leaving = models.gauges()["tokens_total"]
            await text_of(models, wish(max_new_tokens=2))
            assert models.gauges()["tokens_total"] - at_leaving <= 3
            assert models.gauges()["requests_open"] == 0

    run(work())


def test_that_it_is_slower_is_said(
    padded: Callable[[str], House], serving: Callable[..., Running], caplog: Any
) -> None:
    server = serving(padded("bloom"))
    (note,) = httpx2.get(f"{server.url}/health").json()["notes"]
    assert note.startswith("base-model runs padded, which is slower: ")
    assert "BloomForCausalLM runs padded, which is slower than packed" in caplog.text
    began = time.monotonic()
    reply = server.client().chat.completions.create(
        model="ppo-1", messages=[{"role": "user", "content": "Hi"}], max_tokens=5, n=2
    )
    assert len(reply.choices) == 2
    assert time.monotonic() - began < 60
