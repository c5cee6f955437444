"""The whole server under a crowd: bounded, fair, nobody's answer is another's."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from rather.serving.context import Outside, Served
from rather.store.serving import aliases
from tests.serving.conftest import House, Running

NUM_CLIENTS = 200
HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.mark.slow
def test_two_hundred_at_once_end_or_are_told_to_come_back(
    house: House, serving: Callable[..., Running]
) -> None:
    """Whole and streamed, over five adapters: each is what it is alone, or a 429."""
    server = serving(house, queue_size=300)
    client = server.client()
    names = [f"ppo-{n + 1}" for n in range(5)]

    def ask(number: int) -> str:
        how: dict[str, Any] = {
            "model": names[number % 5],
            "prompt": f"Number {number % 20}",
            "max_tokens": 5 + number % 7,
            "seed": number % 20,
        }
        if number % 2:
            chunks = client.completions.create(**how, stream=True)
            return "".join(chunk.choices[0].text for chunk in chunks)
        return str(client.completions.create(**how).choices[0].text)

    alone = [ask(number) for number in range(140)]  # 140 = lcm(5, 7, 20): then they repeat
    told: Counter[str] = Counter()

    def at_once(number: int) -> str | None:
        try:
            return ask(number)
        except openai.RateLimitError as error:
            assert int(error.response.headers["retry-after"]) > 0
            told["429"] += 1
            return None

    with ThreadPoolExecutor(NUM_CLIENTS) as pool:
        found = list(pool.map(at_once, range(NUM_CLIENTS)))
    assert all(one in (None, alone[n % 140]) for n, one in enumerate(found))
    assert told["429"] < NUM_CLIENTS // 2
    assert server.backend.gauges()["requests_open"] == 0


def test_switching_while_many_ask_splits_no_answer(
    house: House, serving: Callable[..., Running]
) -> None:
    """Whatever `prod` means at the moment, the reply says who answered, and it is their answer."""
    aliases.switch(house.db, "prod", "ppo-1", "test")
    server = serving(house, resident_adapters=1)
    client = server.client()

    def ask(model: str) -> tuple[str, str]:
        reply = client.completions.create(model=model, prompt="Hello", max_tokens=12, seed=3)
        return str(reply.model), str(reply.choices[0].text)

    alone = dict(ask(name) for name in ("ppo-1", "ppo-2", "base"))
    is_over = threading.Event()

    def switch() -> None:
        while not is_over.is_set():
            for version in ("ppo-2", "base", "ppo-1"):
                aliases.switch(house.db, "prod", version, "test")

    switching = threading.Thread(target=switch)
    switching.start()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ask("prod"), range(40)))
    is_over.set()
    switching.join()
    assert all(alone[version] == text for version, text in found)
    assert {version for version, _ in found} == set(alone)


def test_whoever_keeps_what_is_served_hears_of_all_of_it(house: House) -> None:
    kept: list[Served] = []

    async def keep(served: Served) -> None:
        kept.append(served)

    aliases.switch(house.db, "prod", "ppo-2", "test")
    backend = house.backend()
    server = Running(house.app(backend, Outside(served=keep)), backend)
    client = server.client()
    whole = client.chat.completions.create(
        model="prod", messages=HELLO, max_tokens=5, n=2, seed=1, temperature=0.5
    )
    chunks = list(
        client.completions.create(model="base", prompt="Hi", max_tokens=5, stream=True, seed=1)
    )
    server.close()
    first, second = kept
    assert (first.id, first.asked, first.version) == (whole.id, "prod", "ppo-2")
    assert [one.text for one in first.completions] == [c.message.content for c in whole.choices]
    assert first.sampling == {"temperature": 0.5, "top_p": 1.0, "max_new_tokens": 5}
    assert (first.messages[0].content, first.is_text) == ("Hello", False)
    assert (second.id, second.is_text, second.client) == (chunks[0].id, True, "127.0.0.1")
    assert second.completions[0].text == "".join(c.choices[0].text for c in chunks)
    assert second.completions[0].finish_reason == chunks[-1].choices[0].finish_reason
