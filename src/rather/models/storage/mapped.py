"""Weights that lie in their file: memory that can be had again is given back.

A model that is loaded in the precision of its file is that file, mapped: the system brings each
part of it to memory when it is first read. Where nobody reads a weight for a while, its memory can
go; whoever reads it next has it from the system's cache, or from the disk. Linux only.
"""

import ctypes
import mmap
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from torch import Tensor

SMAPS = Path("/proc/self/smaps")
KEPT_APART = ("Anonymous:", "Swap:")
"""What a process has of a mapped file that the file has not: pages it wrote to."""


class MappedFiles:
    """The files that are mapped into this process, as they were when it was first asked to give.

    Only those count of which nothing was written to: of these the memory is the file's, to the bit.
    """

    @cached_property
    def _unchanged(self) -> list[tuple[int, int]]:
        return list(_unchanged()) if SMAPS.exists() else []

    def give_back(self, weights: Iterable[Tensor]) -> int:
        """Let go the memory of weights that lie in such a file; returns its bytes.

        They stay as they are and may be read at any time. Nobody may write to one after the first
        call. Nothing goes where the system does not say what is mapped, or keeps it (locked).
        """
        return sum(_let_go(*pages) for weight in weights if (pages := self._pages(weight)))

    def _pages(self, weight: Tensor) -> tuple[int, int] | None:
        """Where the pages begin and end that belong to a weight alone; None where it has none."""
        if weight.device.type != "cpu" or not weight.is_contiguous():
            return None
        size = mmap.PAGESIZE
        first = -(-weight.data_ptr() // size) * size
        end = (weight.data_ptr() + weight.nbytes) // size * size
        inside = any(low <= first and end <= high for low, high in self._unchanged)
        return (first, end) if inside and first < end else None


def _unchanged() -> Iterator[tuple[int, int]]:
    """Where mappings of files begin and end of which this process has no pages of its own."""
    bounds: tuple[int, int] | None = None
    for line in SMAPS.read_text("utf-8", errors="replace").splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):  # "7f00-7f10 rw-p 00000000 fe:00 123 /path": a mapping begins
            bounds = None
            if len(rest) >= 5 and rest[4].startswith("/"):
                low, high = (int(place, 16) for place in name.split("-"))
                bounds = low, high
        elif name in KEPT_APART and rest[0] != "0":
            bounds = None
        elif name == "VmFlags:" and bounds is not None:  # the last line of each
            yield bounds


def _let_go(first: int, end: int) -> int:
    """Tell the system that pages are not needed for now; how many bytes it let go."""
    size = end - first
    call = ctypes.CDLL(None).madvise
    refused = call(ctypes.c_void_p(first), ctypes.c_size_t(size), mmap.MADV_DONTNEED)
    return 0 if refused else size
