"""The command line; `rather` on the shell is `main`."""

import gc
import os
import sys

# What a command imports never dies: collecting in between would slow every start.
gc.set_threshold(50_000)
# Read once, when torch loads: threads that wait for work spin, which on a shared machine can cost
# twenty times the work itself; so short a spin costs a quiet machine nothing.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# Large tensors on large pages: touching new memory 4 KiB at a time was a quarter of a scoring pass.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
# oneDNN and torch remember how to multiply each shape they met, 1024 of them: with batches of all
# lengths that was a quarter of a long run's memory, and hardly any shape comes again.
for cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(cache, "128")

from rather.cli import app  # noqa: E402 (after the line above, or that would come too late)

READER_GONE = 141
"""128 + SIGPIPE, as shells count."""


def main() -> int:
    """Run the command of this process and return its exit code."""
    try:
        code = app.main()
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output has enough, as `head` has; what is left goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = READER_GONE
    gc.freeze()  # a last search for garbage takes a tenth of a second, and the process ends anyway
    return code
