"""How much memory a device has."""

import os

import torch

UNKNOWN = 8 << 30
"""Bytes, where the system does not say (Windows)."""


def device_memory(device: torch.device) -> int:
    """Bytes of memory a device has in all: always the same, unlike what is free just now."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return UNKNOWN
