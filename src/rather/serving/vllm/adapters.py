"""Which adapters the server has: verified before it sees them, given again after a restart."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rather.errors import DataError
from rather.rollout.vllm.wire import ServerFailed, ServerRefused
from rather.serving.vllm.client import Client

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM's --max-lora-rank may be."""


@dataclass(frozen=True)
class Vetted:
    """An adapter that was verified on disk."""

    folder: Path
    rank: int


@dataclass(frozen=True)
class Registry:
    """What the workspace says of its versions."""

    vet: Callable[[str], Vetted]
    """A policy's adapter, verified; DataError for one that must not be served."""
    is_reward: Callable[[str], bool]


class Adapters:
    """The adapters of one server, by the names of their versions."""

    def __init__(
        self,
        client: Client,
        vet: Callable[[str], Vetted],
        max_rank: int,
        say: Callable[[str], None],
    ) -> None:
        """`vet` raises DataError for a version that must not be served."""
        self._client, self._vet, self.max_rank, self._say = client, vet, max_rank, say
        self._loaded: dict[str, Path] = {}
        self._in_use: Counter[str] = Counter()
        self._idle: dict[str, asyncio.Event] = {}
        self._changing = asyncio.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """What can be asked for."""
        return tuple(self._loaded)

    async def load(self, url: str, name: str) -> None:
        """Verify an adapter and have the server read it; DataError says why not."""
        async with self._changing:
            if name not in self._loaded:
                self._loaded[name] = await self._handed_over(url, name)

    async def _handed_over(self, url: str, name: str) -> Path:
        found = await asyncio.to_thread(self._vet, name)
        if found.rank > self.max_rank:
            raise DataError(
                f"{name} has rank {found.rank}, and this vLLM was started for ranks up to "
                f"{self.max_rank}; start `rather serve` anew, it looks at all versions then."
            )
        try:
            await self._client.load(url, name, found.folder)
        except ServerRefused as refusal:
            raise DataError(f"vLLM refuses {name} ({refusal}).") from refusal
        except ServerFailed as failure:
            # a server that lives answers an adapter it cannot use with 500
            raise DataError(f"vLLM cannot load {name} ({failure}).") from failure
        return found.folder

    async def load_again(self, url: str) -> None:
        """Give a fresh server what the one before had; what it refuses is left out, and said."""
        async with self._changing:
            for name in tuple(self._loaded):
                try:
                    self._loaded[name] = await self._handed_over(url, name)
                except DataError as error:
                    del self._loaded[name]
                    self._say(f"{name} is not served any more: {error}")

    @contextmanager
    def used(self, name: str) -> Iterator[None]:
        """Keep an adapter while the block runs."""
        self._in_use[name] += 1
        try:
            yield
        finally:
            self._in_use[name] -= 1
            if not self._in_use[name]:
                del self._in_use[name]
                if (idle := self._idle.pop(name, None)) is not None:
                    idle.set()

    async def forget(self, name: str) -> bool:
        """Offer an adapter no longer, and wait until nothing uses it; whether it was there."""
        async with self._changing:
            if self._loaded.pop(name, None) is None:
                return False
        if name in self._in_use:
            await self._idle.setdefault(name, asyncio.Event()).wait()
        return True


def rank_for(ranks: list[int]) -> int:
    """The smallest --max-lora-rank that takes adapters of these ranks; DataError without one."""
    needed = max(ranks, default=RANKS[0])
    if needed > RANKS[-1]:
        raise DataError(f"vLLM serves adapters up to rank {RANKS[-1]}, and one here has {needed}.")
    return next(rank for rank in RANKS if rank >= needed)
