"""Server-sent events that end when their reader does, and work that nobody waits for any more."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")
HEARTBEAT_SECONDS = 15.0
"""A comment so often, so that no proxy takes a waiting stream for a dead one."""
DONE = b"data: [DONE]\n\n"


class ClientGone(Exception):
    """Whoever asked has left; nobody hears the answer."""


def event(data: str) -> bytes:
    """One event of JSON."""
    return b"data: " + data.encode() + b"\n\n"


def error_event(message: str, code: str) -> bytes:
    """What went wrong after a stream began, in the shape of every other error."""
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    return event(json.dumps({"error": error}))


class EventStream(Response):
    """Sends events as they come; when the client leaves, the events are closed at once."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self.events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_leave_with, receive, tasks)
            async with aclosing(self.events) as events:
                await send(start)
                tasks.start_soon(_beat, send)
                async for one in events:
                    await send({"type": "http.response.body", "body": one, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            tasks.cancel_scope.cancel()


async def _leave_with(receive: Receive, tasks: TaskGroup) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    tasks.cancel_scope.cancel()


async def _beat(send: Send) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        await send({"type": "http.response.body", "body": b": waiting\n\n", "more_body": True})


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; ClientGone where the client left before, and the work was cancelled."""
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        task.cancel()
        leaving.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
