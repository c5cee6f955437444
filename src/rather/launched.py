"""Which of several processes this one is, as torchrun and accelerate tell it.

Both set RANK, WORLD_SIZE and LOCAL_RANK, and where the others are found (MASTER_ADDR, MASTER_PORT).
Without them a process is alone.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Launched:
    """A process among those that one launcher started."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Its number on its own machine, which is also its GPU's."""

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes, and speaks to people."""
        return self.rank == 0


def launched() -> Launched:
    """What the environment says."""
    rank, size, local = (
        int(os.environ.get(name, default))
        for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    return Launched(rank, size, local) if size > 1 else Launched()
