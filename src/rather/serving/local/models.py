"""All models of a workspace on this machine: the base with its adapters, whole models with theirs.

Each model has weights and an engine of its own, so that of a mixed queue each request gets what it
would get alone.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from starlette.concurrency import run_in_threadpool

from rather.config.serving import Serving
from rather.errors import DataError
from rather.models.library import Library
from rather.records import ModelVersion
from rather.serving.backend import EngineDown, Piece, Wish
from rather.serving.local.admission import Admission
from rather.serving.local.backend import LocalBackend
from rather.serving.local.waiting import WaitingRoom
from rather.serving.local.wholes import Wholes
from rather.serving.placing import home_of


class LocalModels:
    """See `rather.serving.backend.Backend`."""

    def __init__(
        self, library: Library, find: Callable[[str], ModelVersion | None], section: Serving
    ) -> None:
        """`find` asks the store for a version by its name."""
        self._library, self._find, self._section = library, find, section
        self._room = WaitingRoom(section.queue_size)
        self._base = LocalBackend(library, find, section, self._room)
        admission = Admission(library, find, section.max_rank)
        self._wholes = Wholes(admission, self._own, section.whole_models)
        self._homes: dict[str, str] = {}
        """Of versions that are available, where that is not the base."""

    @property
    def holds_whole_models(self) -> bool:
        """See `Backend`."""
        return self._section.whole_models > 0

    async def start(self) -> None:
        """See `Backend`."""
        await self._base.start()

    async def close(self, grace_s: float) -> None:
        """See `Backend`."""
        self._wholes.close()
        backends = [self._base, *self._wholes.things]
        await asyncio.gather(*(backend.close(grace_s) for backend in backends))

    async def generate(self, wish: Wish) -> AsyncGenerator[Piece, None]:
        """See `Backend`."""
        home = await self._home(wish.model)
        if home == "base":
            async with aclosing(self._base.generate(wish)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        with self._room.place(wish.client) as begun:
            async with self._wholes.pinned(home) as backend:
                _require_works(home, backend)
                begun()  # the backend gives it a place of its own
                inside = replace(wish, model=_named_inside(wish.model, home))
                async with aclosing(backend.generate(inside)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def score(
        self, model: str, prompt_ids: Sequence[int], completions: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """See `Backend`."""
        home = await self._home(model)
        if home == "base":
            return await self._base.score(model, prompt_ids, completions)
        with self._room.place("") as begun:
            async with self._wholes.pinned(home) as backend:
                _require_works(home, backend)
                begun()
                return await backend.score(model, prompt_ids, completions)

    async def load(self, version: str) -> None:
        """See `Backend`."""
        home = await self._home(version)
        if home == "base":
            await self._base.load(version)
            return
        if version not in self._homes:
            async with self._wholes.pinned(home) as backend:
                if version != home or await run_in_threadpool(self._judges, version):
                    await backend.load(version)
            self._homes[version] = home

    async def unload(self, version: str) -> None:
        """See `Backend`."""
        home = self._homes.pop(version, "base")
        if version == home:
            await self._wholes.unload(version)
        elif home == "base":
            await self._base.unload(version)
        elif self._wholes.has(home):
            async with self._wholes.pinned(home) as backend:
                await backend.unload(version)

    def loaded(self) -> tuple[str, ...]:
        """See `Backend`."""
        return (*self._base.loaded(), *self._homes)

    def is_healthy(self) -> bool:
        """See `Backend`."""
        return self._base.is_healthy()  # a whole model that breaks is nobody else's trouble

    def notes(self) -> tuple[str, ...]:
        """See `Backend`."""
        found = [*self._base.notes()]
        for backend in self._wholes.things:
            found += backend.notes()
        found += [f"{name} cannot answer: {why}." for name, why in self._wholes.broken().items()]
        return tuple(found)

    def why_over(self) -> str | None:
        """See `Backend`."""
        return self._base.why_over()

    def gauges(self) -> Mapping[str, float]:
        """See `Backend`."""
        total = Counter[str](self._wholes.past)
        for backend in (self._base, *self._wholes.things):
            total.update(backend.gauges())
        room = {"requests_waiting": self._room.num_waiting}
        return {**total, **room, "whole_models_resident": self._wholes.num_taken}

    async def _home(self, name: str) -> str:
        """`base`, or the whole version whose weights a version needs."""
        if name == "base" or name in self._base.loaded():
            return "base"
        if name in self._homes:
            return self._homes[name]
        return await run_in_threadpool(self._look_up, name)

    def _look_up(self, name: str) -> str:
        version = self._find(name)
        if version is None:
            raise DataError(f"There is no version {name}.")
        below = self._find(version.base.rpartition("/")[2])
        versions = {} if below is None else {below.name: below}
        home = home_of(version, versions, self._library.base)
        if home is None:
            raise DataError(f"{name} sits on another model than this server holds.")
        return home

    def _judges(self, name: str) -> bool:
        """Whether a version is a reward model."""
        version = self._find(name)
        return version is not None and version.stage == "reward"

    def _own(self, version: ModelVersion) -> LocalBackend:
        """A whole version's backend; nothing of it is loaded yet."""
        library = self._library
        own = Library(library.root, version.path, library.dtype, {}, library.system_prompt)
        return LocalBackend(own, self._find, self._section, self._room)


def _require_works(name: str, backend: LocalBackend) -> None:
    """EngineDown where a whole model broke too often; the others go on."""
    if (why := backend.why_over()) is not None:
        raise EngineDown(f"{name} is not served any more: {why}")


def _named_inside(model: str, home: str) -> str:
    """What a model is called by the backend of its home."""
    return "base" if model == home else model
