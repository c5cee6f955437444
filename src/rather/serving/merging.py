"""Several streams of pieces as one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import anyio

from rather.serving.backend import Piece


async def side_by_side(
    streams: Sequence[AsyncGenerator[Piece, None]],
) -> AsyncGenerator[tuple[int, Piece], None]:
    """Pieces as they come, each with the number of its stream.

    The first stream that raises ends them all; closing this closes them.
    """
    coming = {_next(stream): number for number, stream in enumerate(streams)}
    try:
        while coming:
            done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=lambda one: coming[one]):
                number = coming.pop(task)
                piece = task.result()
                if piece is not None:
                    coming[_next(streams[number])] = number
                    yield number, piece
    finally:
        with anyio.CancelScope(shield=True):  # who is cancelled still closes what they opened
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)
            for stream in streams:
                await stream.aclose()


def _next(stream: AsyncGenerator[Piece, None]) -> "asyncio.Task[Piece | None]":
    async def ask() -> Piece | None:
        return await anext(stream, None)

    return asyncio.create_task(ask())
