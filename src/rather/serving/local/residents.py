"""Which versions' adapters are in the backbone's memory: so many at most, the used ones stay.

A version that is asked for and not there is read again (and checked again) in another thread, and
takes the place of the one that was used longest ago and is not in use. Who waits for a place is
served before whoever comes later, so a version nobody asked for lately is never starved.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from rather.serving.backend import EngineDown
from rather.serving.local.admission import Admission, Admitted
from rather.serving.local.worker import Worker


@dataclass
class Resident:
    """A version in memory."""

    admitted: Admitted
    num_users: int = 0

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of its adapters."""
        return tuple(adapter.name for adapter in self.admitted.adapters)


class Residents:
    """Keeps the adapters of one engine; lives on the event loop, and asks the engine's thread to
    attach and detach."""

    def __init__(self, admission: Admission, worker: Worker, most: int) -> None:
        self._admission, self._worker, self._most = admission, worker, most
        self._there: dict[str, Resident] = {}
        """The one used longest ago first."""
        self._turn = asyncio.Lock()  # first come, first served
        self._freed = asyncio.Event()
        self._coming: set[asyncio.Future[Resident]] = set()
        self.available: dict[str, None] = {}
        """Versions that were found good, in memory or not."""

    @property
    def num_adapters(self) -> int:
        """Adapters in memory."""
        return sum(len(one.adapters) for one in self._there.values())

    async def load(self, name: str) -> None:
        """Find a version good, and bring it in; DataError where it is not."""
        if name not in self.available:
            async with self.pinned(name):
                self.available[name] = None

    async def unload(self, name: str) -> None:
        """Let a version go, once nobody uses it."""
        self.available.pop(name, None)
        async with self._turn:
            while name in self._there and self._there[name].num_users:
                await self._wait_for_one()
            if name in self._there:
                await self._detach(name)

    def close(self) -> None:
        """Tell whoever still waits for a version that it will not come."""
        for coming in self._coming:
            coming.cancel()

    @asynccontextmanager
    async def pinned(self, name: str) -> AsyncIterator[Resident]:
        """A version that stays in memory until the block ends."""
        # in a task of its own: whoever leaves while it comes in must not leave half of it behind
        coming = asyncio.ensure_future(self._take(name))
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)
        try:
            resident = await asyncio.shield(coming)
        except asyncio.CancelledError:
            if coming.cancelled():
                raise EngineDown("The server ended before this began.") from None
            coming.add_done_callback(self._not_wanted)
            raise
        try:
            yield resident
        finally:
            self._let_go(resident)

    async def _take(self, name: str) -> Resident:
        async with self._turn:
            resident = self._there.pop(name, None) or await self._bring(name)
            self._there[name] = resident  # used last
            resident.num_users += 1
        return resident

    def _let_go(self, resident: Resident) -> None:
        resident.num_users -= 1
        self._freed.set()

    def _not_wanted(self, coming: "asyncio.Future[Resident]") -> None:
        if not coming.cancelled() and coming.exception() is None:
            self._let_go(coming.result())

    async def _bring(self, name: str) -> Resident:
        admitted = await run_in_threadpool(self._admission.read, name)
        await self._make_room(len(admitted.adapters))
        await asyncio.wrap_future(self._worker.attach(admitted.adapters))
        return Resident(admitted)

    async def _make_room(self, num: int) -> None:
        """Let versions go until so many more adapters are welcome."""
        while self._there and self.num_adapters + num > self._most:
            idle = next((name for name, one in self._there.items() if not one.num_users), None)
            if idle is None:
                await self._wait_for_one()
            else:
                await self._detach(idle)

    async def _wait_for_one(self) -> None:
        self._freed.clear()
        await self._freed.wait()

    async def _detach(self, name: str) -> None:
        resident = self._there.pop(name)
        await asyncio.wrap_future(self._worker.detach(resident.adapters))
