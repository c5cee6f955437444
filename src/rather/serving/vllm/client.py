"""Asks one vLLM server: completions as streams, adapters in and out."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2

from rather.rollout.vllm.wire import (
    BASE,
    ServerFailed,
    ServerRefused,
    complaint,
    draw,
    error_text,
)

CONNECT_S = 5.0
LOAD_S = 120.0
"""The first adapter may have a server compile for it."""


class Client:
    """What this house asks of a server; its address may change between two questions."""

    def __init__(self) -> None:
        self._http = httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
            # a stream is quiet while its prompt waits; the supervisor tells a server that hangs
            timeout=httpx2.Timeout(None, connect=CONNECT_S),
            trust_env=False,  # never through a proxy: the server is on this machine
        )

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def events(self, url: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The events of a completion's stream; closing the iterator has the server stop.

        Raises ServerFailed where the stream breaks off, ServerRefused for what it will not do.
        """
        try:
            async with self._http.stream("POST", f"{url}/v1/completions", json=body) as reply:
                if not reply.is_success:
                    await reply.aread()
                    raise _complaint(reply)
                is_done = False
                # to the very end, so that the connection can be used again
                async for line in reply.aiter_lines():
                    is_done = is_done or line == "data: [DONE]"
                    if line.startswith("data: ") and not is_done:
                        yield _event(line)
        except httpx2.HTTPError as error:
            raise ServerFailed(f"{type(error).__name__}: {error}") from error
        if not is_done:
            raise ServerFailed("the stream broke off")

    async def works(self, url: str, timeout_s: float) -> bool:
        """Whether the server makes a token for a short prompt in time."""
        body = draw(BASE, [0], 0, (), max_tokens=1)
        try:
            reply = await self._http.post(f"{url}/v1/completions", json=body, timeout=timeout_s)
        except httpx2.HTTPError:
            return False
        return reply.is_success

    async def load(self, url: str, name: str, folder: Path) -> None:
        """Have the server read an adapter."""
        await self._ask(
            f"{url}/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)}
        )

    async def unload(self, url: str, name: str) -> None:
        """Have the server forget an adapter."""
        await self._ask(f"{url}/v1/unload_lora_adapter", {"lora_name": name})

    async def _ask(self, url: str, body: dict[str, Any]) -> None:
        try:
            reply = await self._http.post(url, json=body, timeout=LOAD_S)
        except httpx2.HTTPError as error:
            raise ServerFailed(f"{type(error).__name__}: {error}") from error
        if not reply.is_success:
            raise _complaint(reply)


def _event(line: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(line.removeprefix("data: "))
    if (complaint := error_text(event)) is not None:
        raise ServerFailed(complaint)
    return event


def _complaint(reply: httpx2.Response) -> ServerFailed | ServerRefused:
    try:
        told = reply.json()
    except ValueError:
        told = None
    return complaint(reply.status_code, told, reply.reason_phrase)
