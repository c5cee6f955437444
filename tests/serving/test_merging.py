"""Several streams as one: nothing is lost, an error or a leaving reader ends them all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import pytest

from rather.serving.backend import Piece
from rather.serving.merging import side_by_side


class Stream:
    """Says its numbers, then ends or breaks; takes a moment to close, and knows whether it is."""

    def __init__(self, *numbers: int, breaks: bool = False) -> None:
        self.numbers, self.breaks, self.is_closed = numbers, breaks, False

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        try:
            for number in self.numbers:
                await asyncio.sleep(0)
                yield Piece(number, "", 1)
            if self.breaks:
                raise ValueError("broken")
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.is_closed = True


def test_each_piece_comes_once_in_its_streams_order() -> None:
    async def run() -> None:
        streams = [Stream(1, 2, 3), Stream(), Stream(4)]
        found = [
            (place, piece.number)
            async for place, piece in side_by_side([one.pieces() for one in streams])
        ]
        assert sorted(found) == [(0, 1), (0, 2), (0, 3), (2, 4)]
        assert [number for place, number in found if place == 0] == [1, 2, 3]

    asyncio.run(run())


def test_one_that_breaks_ends_the_others() -> None:
    async def run() -> None:
        streams = [Stream(*range(100)), Stream(1, breaks=True)]
        found = []
        with pytest.raises(ValueError, match="broken"):
            async for place, _ in side_by_side([one.pieces() for one in streams]):
                found.append(place)
        assert 1 in found
        assert len(found) < 100
        assert all(one.is_closed for one in streams)

    asyncio.run(run())


def test_who_leaves_closes_them() -> None:
    async def run() -> None:
        streams = [Stream(*range(100)), Stream(*range(100))]
        async with aclosing(side_by_side([one.pieces() for one in streams])) as together:
            async for _ in together:
                break
        assert all(one.is_closed for one in streams)

    asyncio.run(run())


def test_a_reader_that_is_cancelled_closes_them() -> None:
    """As the server cancels who left: again and again, whatever they wait for."""

    async def run() -> None:
        streams = [Stream(*range(1000)), Stream(*range(1000))]

        async def read() -> None:
            async with aclosing(side_by_side([one.pieces() for one in streams])) as together:
                async for _ in together:
                    await asyncio.sleep(0.01)  # what comes next is there before it is asked for

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await asyncio.sleep(0.05)
            tasks.cancel_scope.cancel()
        assert all(one.is_closed for one in streams)

    asyncio.run(run())
