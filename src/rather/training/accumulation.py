"""The gradient and the numbers of one update, summed over microbatches and over ranks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from rather.data.batch import Batch, Row, by_length, microbatches, pack
from rather.failpoints import failpoint
from rather.models.storage.shards import Shards
from rather.training.ranks import ALONE, Ranks, connected

Metrics = dict[str, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """With whom a model learns; all ranks have the same weights after every update."""

    ranks: Ranks = ALONE
    shards: tuple[Shards, ...] = ()
    """Backbones of which each rank has a part."""

    @contextmanager
    def whole(self) -> Iterator[None]:
        """For this long every rank has all weights, and passes without gradients are its own."""
        with ExitStack() as stack:
            for one in self.shards:
                stack.enter_context(one.whole())
            yield

    def gather(self) -> None:
        """Give every rank all weights, to keep: nothing is learnt any more."""
        for one in self.shards:
            one.gather()


ALL_ALONE = Group()


class Accumulation:
    """One update in the making; made by `accumulating`."""

    def __init__(self, group: Group) -> None:
        self.ranks, self.is_spread = group.ranks, bool(group.shards)
        self.total: Metrics = {}
        """Sums by name: of this rank, and once the update is whole, of all."""
        self._has_share, self._is_idle = True, False

    def share(self, items: Sequence[T], weight: Callable[[T], int]) -> list[T]:
        """This rank's part of what the update learns from."""
        mine = self.ranks.share(items, weight)
        self._has_share = bool(mine)
        # a rank without any keeps the others company, for they compute with its part of the weights
        return mine or list(items[: int(self.is_spread)])

    def microbatches(
        self, rows: Sequence[Row], budget: int, device: torch.device
    ) -> Iterator[tuple[list[int], Batch]]:
        """This rank's rows in microbatches: (indices into rows, packed batch on the device)."""
        found = self._in_step(rows, budget, device) if self.is_spread else None
        for indices, batch in found or microbatches(rows, budget, device):
            yield indices, batch
            failpoint("update.gradient")

    def _in_step(
        self, rows: Sequence[Row], budget: int, device: torch.device
    ) -> Iterator[tuple[list[int], Batch]]:
        """As many passes on every rank: those that have less repeat one, and it does not count."""
        groups = by_length(rows, budget)
        own = len(groups) if self._has_share else 0
        for turn in range(max(self.ranks.exchange(own))):
            self.ranks.exchange(None)  # a signal is heard by all, before the pass they share
            self._is_idle = turn >= own
            indices = groups[min(turn, len(groups) - 1)]
            yield indices, pack([rows[index] for index in indices]).to(device)

    def add(self, loss: Tensor, numbers: Mapping[str, Tensor | float]) -> None:
        """Add the gradient of a loss, where it has one, and numbers to their sums."""
        if loss.requires_grad:
            (loss * 0.0 if self._is_idle else loss).backward()
        for key, value in numbers.items() if not self._is_idle else ():
            found = value.detach().item() if isinstance(value, Tensor) else value
            self.total[key] = self.total.get(key, 0.0) + found


@contextmanager
def accumulating(group: Group) -> Iterator[Accumulation]:
    """Gather an update: at the end `total` is the sum over all ranks, the same on each."""
    update = Accumulation(group)
    # ranks that compute in step wait for each other inside the pass: there nobody can be told
    with connected() if group.shards else group.ranks.alone():
        yield update
    update.total = summed(group.ranks.exchange(update.total))


def summed(parts: Sequence[Metrics]) -> Metrics:
    """Sums by name over several ranks' numbers, each added in the ranks' order."""
    total: Metrics = {}
    for part in parts:
        for key, value in part.items():
            total[key] = total.get(key, 0.0) + value
    return total
