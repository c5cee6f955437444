"""How many threads a step takes: to wake one for a small step takes longer than the step.

A decoder does hundreds of small steps for each token it writes, an adapter hundreds in an update,
and libraries split each over all threads, however little there is to split. What is small is done
on one thread here; the sums stay the same. Never around a `rather.models.processor.kernels.Kernel`:
it is compiled for a number of threads.
"""

import threading
from types import TracebackType

import torch

ALONE = 1 << 20
"""Numbers that a second thread does not handle sooner (measured on two cores); of many threads each
saves more, so fewer numbers are worth them."""


class _Threads(threading.local):
    """The calling thread's own."""

    all = 0
    """Threads there are to split steps over, inside a `fit`; 0 outside."""


_threads = _Threads()


class fit:
    """For this long steps that handle so many numbers: one thread if they are few, or all.

    One inside another counts for itself.
    """

    __slots__ = ("_before", "_is_first", "_numbers")

    def __init__(self, numbers: int) -> None:
        self._numbers = numbers

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        self._is_first = not _threads.all
        if self._is_first:
            _threads.all = self._before
        is_small = self._numbers * (_threads.all - 1) <= ALONE
        _use(1 if is_small else _threads.all)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        _use(self._before)
        if self._is_first:
            _threads.all = 0


def _use(count: int) -> None:
    if count != torch.get_num_threads():
        torch.set_num_threads(count)


def size_of_product(weights: int, rows: int) -> int:
    """Numbers that take as long as a product of rows with so many weights: reading the weights
    takes as long as some sixteen rows."""
    return weights * (1 + rows // 16)
