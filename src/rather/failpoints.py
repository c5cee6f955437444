"""Places where a test breaks the process, to prove that what survives is old or new.

RATHER_FAILPOINT=name:kill, name:raise or name:enospc breaks at the place of that name, when it is
passed the first time; name:kill:3 lets it pass twice. Unset, as it always is outside tests, every
failpoint does nothing. A new durable step adds its name here, and the kill test finds it by itself.
"""

import errno
import os
import signal
from collections import Counter

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
"""Where something durable is written, in the order `durable` passes them."""

TRAINING_FAILPOINTS = (
    "checkpoint.weights",
    "rollout.sampled",
    "rollout.scored",
    "update.gradient",
    "update.done",
    "metrics.recorded",
    "glimpses.recorded",
    "evaluation.scored",
    "version.published",
    "version.registered",
)
"""Where a training stage can be broken off: sampling, scoring, inside an update, measuring, ..."""

ROUND_FAILPOINTS = (
    "round.begun",
    "stage.done",
    "stage.noted",
    "labels.closed",
    "round.decided",
    "round.finished",
)
"""Where a round can be broken off, beside all places of its stages."""

BUCKET_FAILPOINTS = (
    "bucket.object",
    "bucket.objects",
    "bucket.snapshot",
    "bucket.received",
)
"""Where sending to object storage, or reading from it, can be broken off."""

_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Break here when RATHER_FAILPOINT names this place; otherwise do nothing."""
    if name not in FAILPOINTS + TRAINING_FAILPOINTS + ROUND_FAILPOINTS + BUCKET_FAILPOINTS:
        raise ValueError(f"{name} is not in failpoints.FAILPOINTS")
    wanted, _, rest = os.environ.get("RATHER_FAILPOINT", "").partition(":")
    if wanted != name:
        return
    action, _, times = rest.partition(":")
    _passed[name] += 1
    if _passed[name] < int(times or 1):
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise RuntimeError(f"failpoint {name}")
