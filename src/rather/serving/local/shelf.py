"""Things by name of which so many are kept at most: those in use stay, the others make room.

What is asked for and not there is brought, and takes the place of what was used longest ago and is
not in use. Who waits for a place is served before whoever comes later, so what nobody asked for
lately is never starved.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from rather.serving.backend import EngineDown

T = TypeVar("T")


@dataclass
class Kept(Generic[T]):
    """Something on the shelf."""

    thing: T
    num_users: int = 0


class Shelf(ABC, Generic[T]):
    """Keeps things; lives on the event loop. How they come and go is said by who inherits."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._there: dict[str, Kept[T]] = {}
        """The one used longest ago first."""
        self._turn = asyncio.Lock()  # first come, first served
        self._freed = asyncio.Event()
        self._coming: set[asyncio.Future[Kept[T]]] = set()
        self.available: dict[str, None] = {}
        """What was found good, there or not."""

    @abstractmethod
    async def _bring(self, name: str) -> T:
        """Get something, once `_make_room` has said that it is welcome; DataError where it is
        bad."""

    @abstractmethod
    async def _take_away(self, thing: T) -> None:
        """Let something go that nobody uses."""

    def _size(self, thing: T) -> int:
        """How many places it takes."""
        return 1

    @property
    def things(self) -> list[T]:
        """What is there."""
        return [one.thing for one in self._there.values()]

    @property
    def num_taken(self) -> int:
        """Places that are taken."""
        return sum(map(self._size, self.things))

    async def load(self, name: str) -> None:
        """Find something good, and bring it; DataError where it is not."""
        if name not in self.available:
            async with self.pinned(name):
                self.available[name] = None

    async def unload(self, name: str) -> None:
        """Let something go, once nobody uses it."""
        self.available.pop(name, None)
        async with self._turn:
            while name in self._there and self._there[name].num_users:
                await self._wait_for_one()
            if name in self._there:
                await self._take_away(self._there.pop(name).thing)

    def close(self) -> None:
        """Tell whoever still waits for something that it will not come."""
        for coming in self._coming:
            coming.cancel()

    @asynccontextmanager
    async def pinned(self, name: str) -> AsyncIterator[T]:
        """Something that stays until the block ends."""
        # in a task of its own: whoever leaves while it comes must not leave half of it behind
        coming = asyncio.ensure_future(self._take(name))
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)
        try:
            kept = await asyncio.shield(coming)
        except asyncio.CancelledError:
            if coming.cancelled():
                raise EngineDown("The server ended before this began.") from None
            coming.add_done_callback(self._not_wanted)
            raise
        try:
            yield kept.thing
        finally:
            self._let_go(kept)

    async def _take(self, name: str) -> Kept[T]:
        async with self._turn:
            kept = self._there.pop(name, None) or Kept(await self._bring(name))
            self._there[name] = kept  # used last
            kept.num_users += 1
        return kept

    def _let_go(self, kept: Kept[T]) -> None:
        kept.num_users -= 1
        self._freed.set()

    def _not_wanted(self, coming: "asyncio.Future[Kept[T]]") -> None:
        if not coming.cancelled() and coming.exception() is None:
            self._let_go(coming.result())

    async def _make_room(self, num: int) -> None:
        """Let things go until so many more places are free."""
        while self._there and self.num_taken + num > self._most:
            idle = next((name for name, one in self._there.items() if not one.num_users), None)
            if idle is None:
                await self._wait_for_one()
            else:
                await self._take_away(self._there.pop(idle).thing)

    async def _wait_for_one(self) -> None:
        self._freed.clear()
        await self._freed.wait()
