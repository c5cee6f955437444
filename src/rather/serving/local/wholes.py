"""Whole models (`tuning: full`) in memory: so many at most, each with an engine of its own."""

import gc
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from rather.errors import DataError, RatherError
from rather.records import ModelVersion
from rather.serving.local.admission import Admission
from rather.serving.local.backend import LocalBackend
from rather.serving.local.shelf import Shelf


class Wholes(Shelf[LocalBackend]):
    """Keeps the backends of whole models."""

    def __init__(
        self, admission: Admission, make: Callable[[ModelVersion], LocalBackend], most: int
    ) -> None:
        """`make` is given versions whose folders were checked."""
        super().__init__(most)
        self._admission, self._make = admission, make

    async def _bring(self, name: str) -> LocalBackend:
        version = await run_in_threadpool(self._admission.whole, name)
        await self._make_room(1)  # before its weights are read: there may be no memory for both
        backend = self._make(version)
        try:
            await backend.start()
        except RatherError as error:
            raise DataError(self._admission.named(error)) from error
        return backend

    async def _take_away(self, thing: LocalBackend) -> None:
        await thing.close(0)
        del thing
        await run_in_threadpool(gc.collect)  # modules refer to each other in circles
