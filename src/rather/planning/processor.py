"""This machine's own processor, measured in two seconds: its products and its memory."""

import os
import time
from collections.abc import Callable

import torch

from rather.models.memory import device_memory
from rather.models.processor.products import prefers_float32
from rather.planning.hardware import Hardware

WIDTH = 1024
NUM_NUMBERS = 1 << 27
"""Bytes of the copy: beyond every cache."""
NUM_TRIES = 8


def processor() -> Hardware:
    """The processor, with what it reaches with all the threads it is given."""
    of_float32 = _products(torch.float32)
    from_, to = (torch.zeros(NUM_NUMBERS, dtype=torch.uint8) for _ in range(2))
    return Hardware(
        name=f"{os.cpu_count()} cores",
        count=1,
        memory=float(device_memory(torch.device("cpu"))),
        flops=of_float32 if prefers_float32() else _products(torch.bfloat16),
        flops32=of_float32,
        bandwidth=2 * NUM_NUMBERS / _best(lambda: to.copy_(from_)),
        link=1e9,
        is_cpu=True,
    )


def _products(dtype: torch.dtype) -> float:
    left, right, made = (torch.randn(WIDTH, WIDTH).to(dtype) for _ in range(3))
    return 2 * WIDTH**3 / _best(lambda: torch.mm(left, right, out=made))


def _best(of: Callable[[], object]) -> float:
    """Seconds of the fastest of a few tries; the first warms up."""
    seconds = []
    for _ in range(NUM_TRIES + 1):
        start = time.perf_counter()
        of()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])
