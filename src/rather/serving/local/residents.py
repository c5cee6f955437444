"""Which versions' adapters are in the backbone's memory; others are read and checked again."""

import asyncio
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from rather.serving.local.admission import Admission, Admitted
from rather.serving.local.shelf import Shelf
from rather.serving.local.worker import Worker


@dataclass(frozen=True)
class Resident:
    """A version in memory."""

    admitted: Admitted

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of its adapters."""
        return tuple(adapter.name for adapter in self.admitted.adapters)


class Residents(Shelf[Resident]):
    """Keeps the adapters of one engine, whose thread is asked to attach and detach."""

    def __init__(self, admission: Admission, worker: Worker, most: int) -> None:
        """`most`: adapters, of which an ensemble has several."""
        super().__init__(most)
        self._admission, self._worker = admission, worker

    def _size(self, thing: Resident) -> int:
        return len(thing.adapters)

    async def _bring(self, name: str) -> Resident:
        admitted = await run_in_threadpool(self._admission.read, name)
        await self._make_room(len(admitted.adapters))
        await asyncio.wrap_future(self._worker.attach(admitted.adapters))
        return Resident(admitted)

    async def _take_away(self, thing: Resident) -> None:
        await asyncio.wrap_future(self._worker.detach(thing.adapters))
