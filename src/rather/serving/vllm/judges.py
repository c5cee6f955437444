"""Reward versions, which vLLM has no head for: our own backbone scores, loaded when first asked."""

import asyncio
from collections.abc import Sequence

from rather.serving.backend import Backend


class Judges:
    """A backend of ours beside vLLM; a server that is never asked for a score never loads it."""

    def __init__(self, own: Backend) -> None:
        self._own = own
        self._is_started = False
        self._starting = asyncio.Lock()

    async def load(self, version: str) -> None:
        """Make a reward version available; DataError says why it cannot be."""
        async with self._starting:
            if not self._is_started:
                await self._own.start()
                self._is_started = True
        await self._own.load(version)

    async def score(
        self, model: str, prompt_ids: Sequence[int], completions: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Scores of completions of one prompt, by each member of a loaded reward version."""
        return await self._own.score(model, prompt_ids, completions)

    async def unload(self, version: str) -> None:
        """Let a reward version go when its last request has ended."""
        if version in self.loaded():
            await self._own.unload(version)

    def loaded(self) -> tuple[str, ...]:
        """Reward versions that can be asked."""
        return self._own.loaded() if self._is_started else ()

    async def close(self) -> None:
        """End it, where it was ever begun."""
        if self._is_started:
            await self._own.close(0)
