"""Whole models beside the base, and padded ones: each request gets what it would get alone."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import torch
from safetensors.torch import load_file, save_file

from rather.durable import staged_directory
from rather.errors import DataError
from rather.models.library import Library, load_backbone
from rather.rollout.local import Request, Settings, sample
from rather.serving.backend import QueueFull, Wish
from rather.serving.local.models import LocalModels
from rather.store import versions
from tests.serving.conftest import House, Running
from tests.serving.local.test_backend import PROMPT, run, text_of, wish

NAMES = ("base", "ppo-1", "sft-1", "sft-2", "ppo-11")
"""The base, an adapter on it, two whole models, an adapter on the first of them."""


@asynccontextmanager
async def started(house: House, **settings: Any) -> AsyncIterator[LocalModels]:
    models = house.models(**settings)
    await models.start()
    try:
        yield models
    finally:
        await models.close(0)


def alone(house: House, name: str) -> str:
    """What `rather sample` draws: another way to the same weights."""
    known = {one.name: one for one in versions.all(house.db)}
    policy = Library(house.root, "base-model", "float32", known).policy(name)
    settings = Settings(0.0, 12, (2,))
    ((one,),) = sample(policy.backbone, policy.adapter, [Request(PROMPT, (1,))], settings)
    return house.library.codec("base").text(one.ids)


def greedy(name: str) -> Wish:
    return wish(name, temperature=0.0, max_new_tokens=12)


@pytest.mark.parametrize("most", [1, 2])
def test_a_mixed_queue_gives_each_what_it_gets_alone(whole: House, most: int) -> None:
    async def work() -> None:
        async with started(whole, whole_models=most) as models:
            asked = NAMES * 3
            found = await asyncio.gather(*(text_of(models, greedy(name)) for name in asked))
            wanted = {name: alone(whole, name) for name in NAMES}
            assert len(set(wanted.values())) == len(NAMES)
            assert [text for (text,) in found] == [wanted[name] for name in asked]
            assert models.gauges()["whole_models_resident"] == most
            assert models.gauges()["requests_open"] == 0
            assert models.gauges()["requests_waiting"] == 0

    run(work())


def test_one_that_is_in_use_is_waited_for_in_the_queue(whole: House) -> None:
    async def work() -> None:
        async with started(whole, whole_models=1, queue_size=4) as models:
            running = models.generate(wish("sft-1", max_new_tokens=100))
            await anext(running)
            waiting = [asyncio.ensure_future(text_of(models, greedy("sft-2"))) for _ in range(2)]
            await asyncio.sleep(0.05)
            assert models.gauges()["requests_waiting"] == 2
            with pytest.raises(QueueFull):  # half of the places are this client's
                await text_of(models, greedy("sft-2"))
            assert await text_of(models, wish(client="other"))  # nobody else waits
            assert not any(one.done() for one in waiting)
            await running.aclose()
            assert await asyncio.gather(*waiting) == [[alone(whole, "sft-2")]] * 2

    run(work())


def test_versions_come_and_go_by_name(whole: House) -> None:
    async def work() -> None:
        async with started(whole) as models:
            for name in ("sft-1", "ppo-11", "ppo-1"):
                await models.load(name)
            assert set(models.loaded()) == {"sft-1", "ppo-11", "ppo-1"}
            await models.unload("ppo-11")
            await models.unload("sft-1")
            assert models.loaded() == ("ppo-1",)
            assert models.gauges()["whole_models_resident"] == 0
            with pytest.raises(DataError, match="no version sft-9"):
                await models.load("sft-9")

    run(work())


def whole_again(house: House, change: Callable[[Path], Any]) -> None:
    """sft-1 published anew with something changed, and a manifest that says so."""
    folder = house.root / "models" / "sft-1"
    old = folder.with_name("old")
    folder.rename(old)
    (old / "manifest.json").unlink()
    with staged_directory(folder) as staging:
        shutil.copytree(old, staging, dirs_exist_ok=True)
        change(staging)
    shutil.rmtree(old)


def not_finite(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def with_code(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "x.Y"}}))


def only_pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (not_finite, "its weights are damaged"),
        (with_code, "auto_map"),
        (only_pickled, "only pickled weights"),
        (lambda folder: (folder / "chat_template.jinja").write_text("{{ 1 }}"), "chat template"),
        (lambda folder: (folder / "out").symlink_to("/etc"), "leads out of"),
    ],
)
def test_a_bad_one_is_refused_and_nothing_else_notices(
    whole: House, change: Callable[[Path], Any], reason: str
) -> None:
    whole_again(whole, change)

    async def work() -> None:
        async with started(whole) as models:
            with pytest.raises(DataError, match=reason) as caught:
                await models.load("sft-1")
            assert str(whole.root) not in str(caught.value)
            assert "sft-1" not in models.loaded()
            assert await text_of(models, greedy("sft-2")) == [alone(whole, "sft-2")]
            assert models.is_healthy()

    run(work())


def test_one_that_was_changed_since_is_refused(whole: House) -> None:
    with (whole.root / "models" / "sft-1" / "model.safetensors").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\0\0\0\0")

    async def work() -> None:
        async with started(whole) as models:
            with pytest.raises(DataError, match="sft-1 is damaged"):
                await models.load("sft-1")

    run(work())


def test_openais_client_asks_them_like_any_other(
    whole: House, serving: Callable[..., Running]
) -> None:
    client = serving(whole).client()
    listed = {one.id: one.parent for one in client.models.list().data}  # type: ignore[attr-defined]
    assert listed["sft-1"] is None
    assert listed["ppo-11"] == "sft-1"
    assert listed["ppo-1"] == "base"
    for name in ("sft-1", "ppo-11", "sft-2", "base", "sft-1"):
        reply = client.completions.create(
            model=name, prompt=list(PROMPT), max_tokens=12, temperature=0
        )
        assert reply.model == name
        assert reply.choices[0].text == alone(whole, name)


def test_a_server_that_has_no_room_for_them_says_so(
    whole: House, serving: Callable[..., Running]
) -> None:
    client = serving(whole, whole_models=0).client()
    assert "sft-1" not in {one.id for one in client.models.list()}
    with pytest.raises(openai.NotFoundError, match="sft-1 is a whole model"):
        client.completions.create(model="sft-1", prompt="Hi")
    with pytest.raises(openai.NotFoundError, match="ppo-11 sits on sft-1, a whole model"):
        client.completions.create(model="ppo-11", prompt="Hi")


@pytest.mark.parametrize("family", ["lfm2", "bloom", "recurrent_gemma"])
def test_of_a_padded_model_everybody_gets_what_they_would_get_alone(
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


def test_a_padded_one_streams_and_who_leaves_costs_one_token_more(
    padded: Callable[[str], House],
) -> None:
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
