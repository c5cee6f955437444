"""A policy put in force by hand between two rounds, in place of what the last one decided."""

from typing import Any

from rather.durable import verify
from rather.errors import DataError, UsageError
from rather.stages.runs import policy_name
from rather.store import rounds, versions
from rather.workspace import Workspace

Result = dict[str, Any]


def promote_as_it_is(ws: Workspace, name: str, *, dry_run: bool) -> Result:
    """Let the next round begin from a version, or from base, without measuring anything.

    Raises UsageError where there is no such policy, or no round between two of which this could be,
    DataError where its files are damaged.
    """
    policy = policy_name(ws, name)
    known = ["base", *(one.name for one in versions.all(ws.db) if one.stage != "reward")]
    if policy not in known:
        raise UsageError(f"There is no policy {policy}; this workspace has {', '.join(known)}.")
    version = versions.get(ws.db, policy)
    if version is not None and (problems := verify(ws.root / version.path)):
        raise DataError(f"{policy} is damaged and cannot be promoted: {problems[0]}.")
    if rounds.policy_in_force(ws.db) is None:
        raise UsageError(
            "No round has ended yet, so there is no policy in force; `rather run --ppo.start "
            f"{policy}` begins the first one from it."
        )
    if dry_run:
        return {"summary": f"{policy} would be in force.", "policy": policy}
    return {"summary": f"{policy}, as it is.{put_in_force(ws, policy)}", "policy": policy}


def put_in_force(ws: Workspace, policy: str) -> str:
    """Let the next round begin from it; what to say of that, nothing where there are no rounds."""
    newest = rounds.promote(ws.db, policy)
    if newest is None:
        return ""
    if newest.status == "running":
        return (
            f" Round {newest.number} goes on from {newest.start} and decides at its end; promote "
            "again after it."
        )
    return f" It is in force: round {newest.number + 1} begins from it."
