"""Whole models (`tuning: full`) in memory: so many at most, each with an engine of its own."""

import gc
from collections import Counter
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
        self.past: Counter[str] = Counter()
        """What those that are gone have counted: a total never becomes less."""

    def has(self, name: str) -> bool:
        """Whether it is in memory."""
        return name in self._there

    def broken(self) -> dict[str, str]:
        """Those that do not work just now, and why."""
        found = {}
        for name, one in self._there.items():
            if (why := one.thing.why_over()) is not None:
                found[name] = f"{why.rstrip('.')}; an admin may unload it and load it again"
            elif not one.thing.is_healthy():
                found[name] = "its engine is stuck, or begins anew"
        return found

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
        totals = {key: n for key, n in thing.gauges().items() if key.endswith("_total")}
        self.past.update(totals)
        await thing.close(0)
        del thing
        await run_in_threadpool(gc.collect)  # modules refer to each other in circles
