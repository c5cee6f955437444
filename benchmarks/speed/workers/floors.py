"""What this machine can do at best: matrix products and copies, per CPU-second of two threads."""

from collections.abc import Callable

import torch

from benchmarks.speed.pace import Pace, cpu_seconds, read_request

SIDE = 2048
"""Of square matrices; large enough for the peak."""
ROWS = 1024
"""Tokens in the products as wide as the model's."""
SECONDS = 1.0
COPIED = 1 << 28
"""Bytes copied; far more than the caches hold."""


def rate(work: float, once: Callable[[], object]) -> float:
    """Work per CPU-second of doing something again and again for about a second."""
    once()
    began, times = cpu_seconds(), 0
    while cpu_seconds() - began < SECONDS:
        once()
        times += 1
    return times * work / (cpu_seconds() - began)


def product(rows: int, inner: int, outer: int, dtype: torch.dtype) -> float:
    """FLOPs per CPU-second of [rows, inner] · [inner, outer]."""
    left = torch.randn(rows, inner, dtype=dtype)
    right = torch.randn(outer, inner, dtype=dtype)
    return rate(2.0 * rows * inner * outer, lambda: torch.nn.functional.linear(left, right))


def main() -> None:
    """Measure everything once a step."""
    request, pace = read_request(), Pace()
    inner, outer = request["settings"]["width"], request["settings"]["feed_forward_width"]
    source = torch.zeros(COPIED // 4)
    target = torch.empty_like(source)
    torch.set_grad_enabled(False)
    while True:
        pace.begin()
        found = {
            "float32_flops": product(SIDE, SIDE, SIDE, torch.float32),
            "bfloat16_flops": product(SIDE, SIDE, SIDE, torch.bfloat16),
            "bfloat16_flops_at_model_width": product(ROWS, inner, outer, torch.bfloat16),
            # a copy reads and writes
            "copied_bytes": rate(2.0 * COPIED, lambda: target.copy_(source)),
        }
        pace.end(tokens=0, **found)


if __name__ == "__main__":
    main()
