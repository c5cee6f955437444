"""Keeps one vLLM server running: watches it, starts it anew when it dies or hangs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx2

from rather.errors import EnvironmentFault
from rather.serving.vllm import process
from rather.serving.vllm.process import Launch, ServerProcess

SECONDS_BETWEEN_PROBES = 1.0
SHORTEST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
STEADY_S = 60.0
"""A server that ran for so long has earned a restart without delay."""


class Supervisor:
    """The server behind the API; `start` it, ask whether it `is_up`, `close` it."""

    def __init__(
        self,
        launch: Launch,
        prepare: Callable[[str], Awaitable[None]],
        is_working: Callable[[str], Awaitable[bool]],
        hang_s: float,
        say: Callable[[str], None],
    ) -> None:
        """`prepare` is given a fresh server's address before anybody else is; `is_working` looks
        closer at one that answers. One that fails both for `hang_s` is ended and started anew."""
        self._launch, self._prepare, self._is_working = launch, prepare, is_working
        self._hang_s, self._say = hang_s, say
        self._client = httpx2.AsyncClient(trust_env=False)  # this machine, never through a proxy
        self._process: ServerProcess | None = None
        self._watch: asyncio.Task[None] | None = None
        self._answers = False
        self._failures = 0
        self.restarts = 0

    @property
    def is_up(self) -> bool:
        """Whether the server answered when it was last asked."""
        process = self._process
        return process is not None and process.exit_code is None and self._answers

    @property
    def url(self) -> str:
        """Where the server listens, while `is_up`."""
        assert self._process is not None
        return self._process.url

    async def start(self) -> None:
        """Start the server; EnvironmentFault says why it cannot be started."""
        began = time.monotonic()
        self._say(f"vLLM is starting; its log is {self._launch.log}")
        await self._bring_up()
        self._say(f"vLLM is up after {time.monotonic() - began:.0f} s")
        self._watch = asyncio.create_task(self._keep_up())

    async def close(self) -> None:
        """End the server and everything it started."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        if self._process is not None:
            await self._process.end()
        await self._client.aclose()

    async def _bring_up(self) -> None:
        fresh = await process.start(self._launch, self._client)
        try:
            await self._prepare(fresh.url)
        except BaseException:
            await fresh.end()
            raise
        self._process, self._answers = fresh, True

    async def _keep_up(self) -> None:
        while True:
            began = time.monotonic()
            why = await self._until_it_fails()
            self._answers = False
            if time.monotonic() - began > STEADY_S:
                self._failures = 0
            self._say(f"vLLM {why}; it is started anew")
            await self._start_again()

    async def _until_it_fails(self) -> str:
        """Watch the server; returns, in words, why it cannot go on."""
        assert self._process is not None
        last_answer = time.monotonic()
        while self._process.exit_code is None:
            self._answers = await self._process.answers(self._client) and await self._is_working(
                self.url
            )
            if self._answers:
                last_answer = time.monotonic()
            elif time.monotonic() - last_answer > self._hang_s:
                return f"has not answered for {self._hang_s:.0f} s"
            await asyncio.sleep(SECONDS_BETWEEN_PROBES)
        return f"ended (exit code {self._process.exit_code})"

    async def _start_again(self) -> None:
        """Until it works: each failure doubles the pause before the next attempt."""
        assert self._process is not None
        await self._process.end(by_force=True)
        while True:
            await asyncio.sleep(backoff(self._failures))
            self._failures += 1
            try:
                await self._bring_up()
            except EnvironmentFault as fault:
                self._say(str(fault))
                continue
            self.restarts += 1
            self._say("vLLM is up again")
            return


def backoff(failures: int) -> float:
    """Seconds to wait before the next start after so many failures in a row: 0, 1, 2, 4 ... 60."""
    if failures == 0:
        return 0.0
    return min(SHORTEST_BACKOFF_S * 2.0 ** (failures - 1), LONGEST_BACKOFF_S)
