"""How much memory a device has, and a bound on what torch keeps of it for itself on a CPU.

oneDNN, which multiplies in bfloat16 for torch, makes a program for each shape of a product, of some
third of a megabyte; it keeps 1024 of them, and torch as many beside it. Rows of ragged lengths give
every microbatch new shapes, so a training would grow for a long time. But all layers of a pass have
the same shapes: what one layer needs is all that is ever asked for again.
"""

import os

import torch

UNKNOWN = 8 << 30
"""Bytes, where the system does not say (Windows)."""
PROGRAMS_KEPT = 96
"""Twice as many as a pass forward and back through a layer takes. Too few would be made again for
every layer."""
CACHES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""Of oneDNN and of torch, each read once, at a process's first product."""


def keep_few_programs() -> None:
    """Bound both caches, unless the environment says how large they may be.

    Does nothing in a process that has multiplied before.
    """
    for name in CACHES:
        os.environ.setdefault(name, str(PROGRAMS_KEPT))


def device_memory(device: torch.device) -> int:
    """Bytes of memory a device has in all: always the same, unlike what is free just now."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return UNKNOWN
