"""bitsandbytes, which keeps numbers in 8 and in 4 bits, where it is installed."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rather.errors import EnvironmentFault


def bitsandbytes_for(setting: str) -> Any:
    """The package; EnvironmentFault says which setting needs it and how to get it."""
    try:
        with _nothing_fetched():
            # Imported here: it takes seconds, and is there only where somebody asked for it.
            import bitsandbytes
    except ImportError as error:
        raise EnvironmentFault(
            f"{setting} needs bitsandbytes: install it with `pip install 'rather[bits]'`, or leave "
            "the setting out."
        ) from error
    return bitsandbytes


@contextmanager
def _nothing_fetched() -> Iterator[None]:
    """Hide the package `kernels`, with which bitsandbytes would fetch code from the hub."""
    before, log = sys.modules.get("kernels"), logging.getLogger("bitsandbytes")
    sys.modules["kernels"] = None  # type: ignore[assignment]
    level = log.level
    log.setLevel(logging.ERROR)  # it warns that it could not
    try:
        yield
    finally:
        log.setLevel(level)
        del sys.modules["kernels"]
        if before is not None:
            sys.modules["kernels"] = before
