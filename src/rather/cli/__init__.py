"""The command line; `rather` on the shell is `main`."""

import gc
import os

# What a command imports never dies: collecting in between would slow every start.
gc.set_threshold(50_000)
# Read once, when torch loads: threads that wait for work spin, which on a shared machine can cost
# twenty times the work itself; so short a spin costs a quiet machine nothing.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from rather.cli import app  # noqa: E402 (after the line above, or that would come too late)


def main() -> int:
    """Run the command of this process and return its exit code."""
    code = app.main()
    gc.freeze()  # a last search for garbage takes a tenth of a second, and the process ends anyway
    return code
