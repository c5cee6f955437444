"""Products of bfloat16 numbers, made in float32 where the processor is faster at that.

Products of bfloat16 numbers are summed in float32 and rounded once, whichever units make them. A
processor that has instructions for them may be slower with them than with float32 (Intel's with
avx512_bf16 and without amx: by half). There both sides of a product are put into float32 first, and
what comes of it is rounded: the same numbers up to the last digit, for the memory of one product.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from math import prod

import torch
from torch import Tensor, nn

from rather.models.processor import threads

ROWS = 128
"""From so many on a product saves more than it takes to put its weight into float32."""
FASTER = 1.25
"""How much faster float32 must be: nobody is to decide otherwise tomorrow, on a busier machine."""
SIDE, TRIES = 384, 7
SLICE = 4096
"""Outputs of a wide layer that are computed at once, so that its weight is never whole in
float32."""


def precision(x: Tensor) -> torch.dtype:
    """In which products with the rows of x [S, ...] are to be made; its own, or float32."""
    is_short = x.dtype == torch.bfloat16 and x.device.type == "cpu"
    widens = is_short and len(x) >= ROWS and prefers_float32()
    return torch.float32 if widens else x.dtype


@cache
def prefers_float32() -> bool:
    """Whether this processor multiplies bfloat16 numbers faster as float32; tried once."""
    took = _seconds()
    return took[torch.float32] * FASTER < took[torch.bfloat16]


def _seconds() -> dict[torch.dtype, float]:
    """The shortest that a product took in each precision, by turns and on one thread: whoever else
    wants the processor meanwhile is in the way of both."""
    sides = {
        dtype: torch.ones(SIDE, SIDE, dtype=dtype) for dtype in (torch.bfloat16, torch.float32)
    }
    took: dict[torch.dtype, list[float]] = {dtype: [] for dtype in sides}
    with torch.inference_mode(), threads.fit(1):
        for _ in range(1 + TRIES):
            for dtype, side in sides.items():
                began = time.perf_counter()
                side @ side
                took[dtype].append(time.perf_counter() - began)
    return {dtype: min(each[1:]) for dtype, each in took.items()}  # the first makes the program


def put(name: str, x: Tensor, kind: torch.dtype) -> Tensor:
    """x itself, or a copy of it in float32 that lasts until the next of that name: "rows",
    "weight" and "grad" are the sides of a product."""
    return x if x.dtype == kind else _room.take(name, x.shape).copy_(x)


def widened(x: Tensor, y: Tensor) -> Tensor:
    """x·y of what was put into float32: lasts until the next, or is rounded by then."""
    return torch.mm(x, y, out=_room.take("out", (len(x), y.shape[1])))


def many_outputs(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x·Wᵀ + b for a weight that may have very many outputs: x [S, d], W [V, d] -> [S, V]."""
    kind = precision(x)
    if kind == x.dtype:
        return nn.functional.linear(x, weight, bias)
    out = x.new_empty(len(x), len(weight))
    for part, made in parts_of(x, weight):
        out[:, part] = made if bias is None else made.add_(bias[part])
    return out


def parts_of(x: Tensor, weight: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """x·Wᵀ, some outputs after the others: where they lie, and [S, part].

    Where products are made in float32, they are not rounded, and last until the next.
    """
    kind = precision(x)
    rows = put("rows", x, kind)
    for part in parts(weight):
        side = put("weight", weight[part], kind)
        is_own = kind == x.dtype
        yield part, nn.functional.linear(rows, side) if is_own else widened(rows, side.t())


def of_part(x: Tensor, weight: Tensor) -> Tensor:
    """x·W for a part's x [S, part], in the precision that products are made in: [S, d], which
    lasts until the next."""
    return widened(x, put("weight", weight, x.dtype)) if x.dtype != weight.dtype else x @ weight


def parts(weight: Tensor) -> Iterator[slice]:
    """Where outputs lie that are computed at once: all, on a device that would wait each time."""
    step = SLICE if weight.device.type == "cpu" else len(weight)
    return (slice(start, start + step) for start in range(0, len(weight), step))


class _Room(threading.local):
    """The calling thread's memory for one product, used again and again: freed each time, it would
    leave holes between the numbers that a pass keeps."""

    def __init__(self) -> None:
        self._blocks: dict[str, Tensor] = {}

    def take(self, name: str, shape: Sequence[int]) -> Tensor:
        """Any float32 numbers, until that name is asked for again."""
        size = prod(shape)
        if name not in self._blocks or self._blocks[name].numel() < size:
            with torch.inference_mode(False):  # or nobody could write into it outside of that
                self._blocks[name] = torch.empty(size, dtype=torch.float32)
        return self._blocks[name][:size].view(tuple(shape))


_room = _Room()
