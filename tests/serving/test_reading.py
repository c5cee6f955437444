"""Prompts become tokens beside the event loop; a hostile template costs nobody else anything."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from rather.data.tokens import load_codec
from rather.records import Message
from rather.serving.reading import Reader
from rather.web.replies import Refusal
from tests.conftest import TEMPLATE
from tests.serving.conftest import House, Running
from tests.serving.local.test_admission import republish

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
HUGE = "{{ 'a' * 10**10 }}"
ON_DEMAND = (
    "{% if messages[-1].content == 'loop' %}" + ENDLESS + "{% endif %}"
    "{% if messages[-1].content == 'grow' %}" + HUGE + "{% endif %}" + TEMPLATE
)


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def hostile(house: House) -> House:
    """A base whose template goes wrong when it reads `loop` or `grow`."""
    house.library.codec("base").tokenizer.chat_template = ON_DEMAND
    return house


def test_a_template_that_goes_wrong_is_an_error_of_its_request_alone(
    hostile: House, serving: Callable[..., Running]
) -> None:
    """While three loop, the event loop answers at once and others get their answers."""
    server = serving(hostile)
    client = server.client()
    usual = client.chat.completions.create(model="base", messages=said("Hi"), max_tokens=4, seed=1)
    with ThreadPoolExecutor(4) as pool:
        looping = [
            pool.submit(
                client.chat.completions.create, model="base", messages=said("loop"), max_tokens=4
            )
            for _ in range(3)
        ]
        slowest, meanwhile = 0.0, 0
        while not all(one.done() for one in looping):
            began = time.monotonic()
            assert httpx2.get(f"{server.url}/health").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            again = client.chat.completions.create(
                model="base", messages=said("Hi"), max_tokens=4, seed=1
            )
            assert again.choices[0].message.content == usual.choices[0].message.content
            meanwhile += 1
        for one in looping:
            with pytest.raises(openai.BadRequestError, match=r"template .*longer than 2 seconds"):
                one.result()
    assert meanwhile >= 3
    assert slowest < 1.5
    with pytest.raises(openai.BadRequestError, match=r"template .*512 MB of memory"):
        client.chat.completions.create(model="base", messages=said("grow"))


def test_a_template_in_an_adapters_folder_is_never_run(
    house: House, serving: Callable[..., Running]
) -> None:
    server = serving(house)
    asked: dict[str, Any] = {"model": "ppo-3", "messages": said("Hi"), "max_tokens": 6, "seed": 1}
    usual = server.client().chat.completions.create(**asked)
    server.close()

    def add(folder: Path) -> None:
        (folder / "chat_template.jinja").write_text(ENDLESS)
        (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ 1 / 0 }}"}')

    republish(house, add)
    again = serving(house).client().chat.completions.create(**asked)
    assert again.choices == usual.choices
    assert again.usage == usual.usage


def test_the_loop_goes_on_while_a_long_text_is_read(tiny_model: Path) -> None:
    async def run() -> None:
        reader = Reader(load_codec(tiny_model, 256, ()))
        reading = asyncio.ensure_future(reader.text("the then " * 200_000))
        ticks, longest, before = 0, 0.0, time.monotonic()
        while not reading.done():
            await asyncio.sleep(0.001)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
            ticks += 1
        with pytest.raises(Refusal) as caught:
            await reading
        assert caught.value.code == "context_length_exceeded"
        assert caught.value.message.startswith("The prompt takes ")
        assert ticks > 5

    asyncio.run(run())


def test_tokens_are_what_the_codec_gives(tiny_model: Path) -> None:
    async def run() -> None:
        codec = load_codec(tiny_model, 256, (), num_embedded=200)
        reader = Reader(codec)
        turns = [Message("user", "say <|end|> now")]
        read = await reader.conversation(turns)
        assert read.ids == codec.prompt_ids(read.prompt)
        assert (await reader.text("the")).ids == codec.text_ids((await reader.text("the")).prompt)
        assert (await reader.tokens([199, 7])).ids == (199, 7)
        with pytest.raises(Refusal, match="no token 200; the model's are 0 to 199"):
            await reader.tokens([7, 200])  # the tokenizer knows it, the model has no row for it

    asyncio.run(run())
