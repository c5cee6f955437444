"""What a machine can do at best: matrix products and copies, per CPU-second or GPU's second."""

import time
from collections.abc import Callable

import torch

from benchmarks.speed.pace import Pace, cpu_seconds, read_request

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"
SIDE = 8192 if HAS_GPU else 2048
"""Of square matrices; large enough for the peak."""
ROWS = 1024
"""Tokens in the products as wide as the model's."""
SECONDS = 1.0
COPIED = 1 << 28
"""Bytes copied; far more than the caches hold."""


def clock() -> float:
    """Seconds of a GPU that has done all it was given, else CPU-seconds."""
    if not HAS_GPU:
        return cpu_seconds()
    torch.cuda.synchronize()
    return time.monotonic()


def rate(work: float, once: Callable[[], object]) -> float:
    """Work per second of doing something again and again for about a second."""
    once()
    began, times = clock(), 0
    while clock() - began < SECONDS:
        for _ in range(4):
            once()
        times += 4
    return times * work / (clock() - began)


def product(rows: int, inner: int, outer: int, dtype: torch.dtype) -> float:
    """FLOPs per second of [rows, inner] · [inner, outer]."""
    left = torch.randn(rows, inner, dtype=dtype, device=DEVICE)
    right = torch.randn(outer, inner, dtype=dtype, device=DEVICE)
    return rate(2.0 * rows * inner * outer, lambda: torch.nn.functional.linear(left, right))


def main() -> None:
    """Measure everything once a step."""
    request, pace = read_request(), Pace()
    inner, outer = request["settings"]["width"], request["settings"]["feed_forward_width"]
    source = torch.zeros(COPIED // 4, device=DEVICE)
    target = torch.empty_like(source)
    torch.set_grad_enabled(False)
    while True:
        pace.begin()
        found = {
            "float32_flops": product(SIDE, SIDE, SIDE, torch.float32),
            "float32_flops_at_model_width": product(ROWS, inner, outer, torch.float32),
            "bfloat16_flops": product(SIDE, SIDE, SIDE, torch.bfloat16),
            "bfloat16_flops_at_model_width": product(ROWS, inner, outer, torch.bfloat16),
            # a copy reads and writes
            "copied_bytes": rate(2.0 * COPIED, lambda: target.copy_(source)),
        }
        pace.end(tokens=0, **found)


if __name__ == "__main__":
    main()
