"""`rather push` and `rather pull`: a workspace into object storage and out of it."""

from pathlib import Path
from typing import Any

from rather.cli import late
from rather.cli.flags import COMMON, Common
from rather.cli.late import Result, Switch
from rather.progress import Progress


def push(
    address: str, *, force: Switch = False, common: Common = COMMON, **settings: Any
) -> Result:
    """Keep the workspace at ADDRESS (s3://bucket/folder, gs://, file://), complete or not at all.

    Only what is not there yet is sent. A training run may go on meanwhile.

    Parameters
    ----------
    address
        A folder in object storage or on a disk; it is made where there is none.
    force
        Also over what another folder pushed there since.
    """
    with common.open(settings) as ws:
        return late.housekeeping().push(ws, address, dry_run=common.dry_run, force=force)


def pull(address: str, directory: Path, *, common: Common = COMMON) -> Result:
    """Make DIRECTORY the workspace that was pushed to ADDRESS; the same commands go on there.

    Parameters
    ----------
    address
        Where `rather push` put it.
    directory
        A folder that is no workspace yet; what an earlier pull brought is kept.
    """
    return late.housekeeping().pull(address, directory, Progress(), dry_run=common.dry_run)
