"""The gradient and the numbers of one update, summed over microbatches and over ranks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from rather.data.batch import Batch, Row, microbatches
from rather.failpoints import failpoint
from rather.training.ranks import Ranks

Metrics = dict[str, float]


class Accumulation:
    """One update in the making; made by `accumulating`."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.total: Metrics = {}
        """Sums by name: of this rank, and once the update is whole, of all."""

    def microbatches(
        self, rows: Sequence[Row], budget: int, device: torch.device
    ) -> Iterator[tuple[list[int], Batch]]:
        """This rank's rows in microbatches: (indices into rows, packed batch on the device)."""
        for indices, batch in microbatches(rows, budget, device):
            yield indices, batch
            failpoint("update.gradient")

    def add(self, loss: Tensor, numbers: Mapping[str, Tensor | float]) -> None:
        """Add the gradient of a loss, where it has one, and numbers to their sums."""
        if loss.requires_grad:
            loss.backward()
        for key, value in numbers.items():
            found = value.detach().item() if isinstance(value, Tensor) else value
            self.total[key] = self.total.get(key, 0.0) + found


@contextmanager
def accumulating(ranks: Ranks) -> Iterator[Accumulation]:
    """Gather an update: at the end `total` is the sum over all ranks, the same on each."""
    update = Accumulation(ranks)
    with ranks.alone():
        yield update
    update.total = summed(ranks.exchange(update.total))


def summed(parts: Sequence[Metrics]) -> Metrics:
    """Sums by name over several ranks' numbers, each added in the ranks' order."""
    total: Metrics = {}
    for part in parts:
        for key, value in part.items():
            total[key] = total.get(key, 0.0) + value
    return total
