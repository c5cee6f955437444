"""A request's answer, whole or as a stream; the routes say how either is written."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from rather.serving.backend import EngineDown, Piece
from rather.serving.context import Context
from rather.serving.exchange import Exchange
from rather.serving.streaming import (
    DONE,
    HEARTBEAT_SECONDS,
    EventStream,
    error_event,
    event,
    unless_gone,
)


class Style(Protocol):
    """How one of OpenAI's two ways of asking is answered."""

    def whole(self, exchange: Exchange) -> BaseModel:
        """All completions."""

    def first(self, exchange: Exchange) -> BaseModel | None:
        """What a stream begins with."""

    def chunk(self, exchange: Exchange, piece: Piece) -> BaseModel:
        """A piece of a stream."""

    def last(self, exchange: Exchange) -> BaseModel:
        """A stream's count of tokens."""


async def answered(context: Context, request: Request, exchange: Exchange) -> None:
    """Take all pieces of a request."""

    async def take_all() -> None:
        async with aclosing(exchange.pieces(context)) as pieces:
            async for _ in pieces:
                pass

    await unless_gone(request, take_all())


async def streamed(
    context: Context, request: Request, exchange: Exchange, style: Style, *, counts: bool
) -> Response:
    """A stream of a request's pieces; what goes wrong before the first one is a plain error."""
    pieces = exchange.pieces(context)
    first = asyncio.ensure_future(anext(pieces, None))
    try:
        # for so long: then the stream begins without a piece, to show that it is alive
        await unless_gone(request, _settled(first, HEARTBEAT_SECONDS))
        if first.done():
            first.result()
    except BaseException:
        await _close(first, pieces)
        raise
    return EventStream(_events(first, pieces, exchange, style, counts=counts))


async def _settled(task: asyncio.Future[Piece | None], seconds: float) -> None:
    await asyncio.wait({task}, timeout=seconds)


async def _close(first: asyncio.Future[Piece | None], pieces: AsyncGenerator[Piece, None]) -> None:
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await pieces.aclose()


async def _events(
    first: asyncio.Future[Piece | None],
    pieces: AsyncGenerator[Piece, None],
    exchange: Exchange,
    style: Style,
    *,
    counts: bool,
) -> AsyncGenerator[bytes, None]:
    try:
        if (opening := style.first(exchange)) is not None:
            yield _line(opening)
        piece = await first
        while piece is not None:
            yield _line(style.chunk(exchange, piece))
            piece = await anext(pieces, None)
        if counts:
            yield _line(style.last(exchange))
        yield DONE
    except EngineDown as error:
        yield error_event(str(error), "engine_down")
    finally:
        await _close(first, pieces)


def _line(chunk: BaseModel) -> bytes:
    return event(chunk.model_dump_json())
