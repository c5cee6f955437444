"""Which versions' adapters are in the backbone's memory; others are read and checked again."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from rather.models.backbone import Backbone
from rather.models.roles import RewardModel
from rather.serving.local.admission import Admission, Admitted
from rather.serving.local.shelf import Shelf

Call = Callable[[Callable[[], Any]], "Future[Any]"]


@dataclass(frozen=True)
class Resident:
    """A version in memory."""

    adapters: tuple[str, ...]
    members: tuple[RewardModel, ...]


class Residents(Shelf[Resident]):
    """Keeps the adapters of one backbone, and asks the engine's thread (`call`) to attach and
    detach."""

    def __init__(self, admission: Admission, call: Call, most: int) -> None:
        """`most`: adapters, of which an ensemble has several."""
        super().__init__(most)
        self._admission, self._call = admission, call

    def _size(self, thing: Resident) -> int:
        return len(thing.adapters)

    async def _bring(self, name: str) -> Resident:
        admitted = await run_in_threadpool(self._admission.read, name)
        await self._make_room(len(admitted.adapters))
        backbone = self._admission.backbone
        await asyncio.wrap_future(self._call(lambda: _attach(backbone, admitted)))
        names = tuple(adapter.name for adapter in admitted.adapters)
        return Resident(names, admitted.members(backbone))

    async def _take_away(self, thing: Resident) -> None:
        backbone = self._admission.backbone
        await asyncio.wrap_future(self._call(lambda: _detach(backbone, thing.adapters)))


def _attach(backbone: Backbone, admitted: Admitted) -> None:
    for one in admitted.adapters:
        backbone.attach_adapter(one.name, one.shape, one.weights)


def _detach(backbone: Backbone, names: tuple[str, ...]) -> None:
    for name in names:
        backbone.remove_adapter(name)
