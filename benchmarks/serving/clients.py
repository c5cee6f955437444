"""Clients that stream chats from an OpenAI-compatible server and note when each piece came."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

TOPICS = ("a lighthouse", "two old friends", "the first snow", "a lost key", "a night train",
    "a garden", "the sea", "a clockmaker")  # fmt: skip
TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Asked:
    """One request."""

    model: str
    text: str
    """The user's last turn."""
    max_tokens: int
    temperature: float
    seed: int | None
    """None where a server may go on from what it remembers, whatever that rounds otherwise."""
    before: tuple[tuple[str, str], ...] = ()
    """What was said before, user and assistant in turn: (role, text)."""


@dataclass(frozen=True)
class Answered:
    """When a request's tokens came, in seconds since it was sent."""

    first_s: float
    whole_s: float
    num_tokens: int
    text: str


def requests(
    models: Sequence[str], number: int, max_tokens: int, *, temperature: float = 1.0, first: int = 0
) -> list[Asked]:
    """So many requests from the `first` on, the models in turn, no two alike: a server that
    remembers what it was asked is not asked it again."""
    return [
        Asked(
            model=models[n % len(models)],
            text=f"Tell me a long story about {TOPICS[n % len(TOPICS)]}, "
            f"in {first + n + 3} chapters.",
            max_tokens=max_tokens,
            temperature=temperature,
            seed=n,
        )
        for n in range(number)
    ]


async def ask(http: httpx2.AsyncClient, url: str, asked: Asked) -> Answered:
    """Stream one chat to its end."""
    body: dict[str, Any] = {
        "model": asked.model,
        "messages": [
            {"role": role, "content": text} for role, text in (*asked.before, ("user", asked.text))
        ],
        "max_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        **({} if asked.seed is None else {"seed": asked.seed}),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    began, first_s, num_tokens = time.monotonic(), None, 0
    said: list[str] = []
    async with http.stream("POST", f"{url}/v1/chat/completions", json=body) as reply:
        if not reply.is_success:
            raise RuntimeError(f"{url}: {reply.status_code} {(await reply.aread()).decode()}")
        async for line in reply.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            event = json.loads(line.removeprefix("data: "))
            said += [choice["delta"].get("content") or "" for choice in event["choices"]]
            if said and said[-1]:
                first_s = first_s or time.monotonic() - began
            if event.get("usage"):
                num_tokens = event["usage"]["completion_tokens"]
    whole_s = time.monotonic() - began
    return Answered(whole_s if first_s is None else first_s, whole_s, num_tokens, "".join(said))


def at_once(url: str, wanted: Sequence[Asked]) -> tuple[float, list[Answered]]:
    """All requests at the same time: seconds until the last one ended, and each one's answer."""

    async def whole() -> tuple[float, list[Answered]]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(timeout=TIMEOUT_S, limits=limits, trust_env=False) as http:
            began = time.monotonic()
            found = await asyncio.gather(*(ask(http, url, one) for one in wanted))
            return time.monotonic() - began, found

    return asyncio.run(whole())
