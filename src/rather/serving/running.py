"""From a backend and an app to a running server: load first, announce, drain at the end."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from rather.errors import EnvironmentFault
from rather.serving.backend import Backend
from rather.web.server import GRACE_SECONDS, server_of, url_of

ENDING = (signal.SIGINT, signal.SIGTERM)


class DrainingServer(uvicorn.Server):
    """Takes nothing new once it is asked to end, and lets the backend finish what it began."""

    def __init__(self, config: uvicorn.Config, backend: Backend, drain_seconds: float) -> None:
        super().__init__(config)
        # the backend ends its streams by itself; the server waits a little longer than for that
        config.timeout_graceful_shutdown = int(drain_seconds) + GRACE_SECONDS
        self._backend, self._drain_seconds = backend, drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Whether to end: asked to, or because nothing is to be had from the backend any more."""
        return await super().on_tick(counter) or self._backend.why_over() is not None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door, and see everybody out."""
        closing = asyncio.ensure_future(self._backend.close(self._drain_seconds))
        await super().shutdown(sockets)
        await closing


def run(
    app: FastAPI,
    backend: Backend,
    listener: socket.socket,
    drain_seconds: float,
    announce: Callable[[str], None],
) -> None:
    """Serve until Ctrl-C or SIGTERM, which is how a server is meant to end; `announce` hears the
    base URL once requests can be answered.

    Raises EnvironmentFault where it ended because its engine is past mending.
    """

    async def serve() -> None:
        await backend.start()
        announce(url_of(listener))
        server = DrainingServer(server_of(app).config, backend, drain_seconds)
        with _heard_by_the_server_alone():
            await server.serve(sockets=[listener])

    asyncio.run(serve())
    if (why := backend.why_over()) is not None:
        raise EnvironmentFault(f"{why} The server ends, so that a new process takes its place.")


@contextmanager
def _heard_by_the_server_alone() -> Iterator[None]:
    """uvicorn drains on a signal and then raises it again, for those who were there before it."""

    def ended(number: int, frame: FrameType | None) -> None:
        """It has ended already."""

    before = {number: signal.signal(number, ended) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
