"""The command line; `rather` on the shell is `main`."""

import gc
import os

# What a command imports never dies: collecting in between would slow every start.
gc.set_threshold(50_000)
# Read once, when torch loads: waiting threads that spin cost a shared machine up to twenty times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from rather.cli import app  # noqa: E402 (after the line above, or that would come too late)


def main() -> int:
    """Run the command of this process and return its exit code."""
    code = app.main()
    gc.freeze()  # a last search for garbage takes a tenth of a second, and the process ends anyway
    return code
