"""Places where a test breaks the process, to prove that what survives is old or new.

RATHER_FAILPOINT=name:kill, name:raise or name:enospc breaks at the place of that name; unset, as
it always is outside tests, every failpoint does nothing. A new durable step adds its name here, and
the kill test finds it by itself.
"""

import errno
import os
import signal

FAILPOINTS = (
    "file.opened",
    "file.written",
    "file.replaced",
    "directory.staged",
    "directory.synced",
    "directory.manifest",
    "directory.renamed",
    "prune.renamed",
    "prune.deleted",
)
"""Every place there is, in the order `durable` passes them."""


def failpoint(name: str) -> None:
    """Break here when RATHER_FAILPOINT names this place; otherwise do nothing."""
    if name not in FAILPOINTS:
        raise ValueError(f"{name} is not in failpoints.FAILPOINTS")
    wanted, _, action = os.environ.get("RATHER_FAILPOINT", "").partition(":")
    if wanted != name:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise RuntimeError(f"failpoint {name}")
