"""`alias` and `key`: what versions are called in the API, and who may ask; without torch."""

import getpass
from typing import Any

from rather.errors import UsageError
from rather.store.serving import aliases, api_keys
from rather.workspace import Workspace

Result = dict[str, Any]


def alias(
    ws: Workspace, name: str | None, version: str | None, *, roll_back: bool, dry_run: bool
) -> Result:
    """Let an alias mean a version or what it meant before; without a version say what it means."""
    if name is None or (version is None and not roll_back):
        return _told(ws, name)
    if version is not None and roll_back:
        raise UsageError("Give either a version or --rollback.")
    if dry_run:
        what = f"mean {version}" if version else "mean what it did before"
        return {"summary": f"would let {name} {what}."}
    by = getpass.getuser()
    made = (
        aliases.roll_back(ws.db, name, by)
        if version is None
        else aliases.switch(ws.db, name, version, by)
    )
    return {"summary": f"{name} means {made.version} from now on.", **vars(made)}


def key(
    ws: Workspace, name: str | None, role: api_keys.Role, *, revoke: bool, dry_run: bool
) -> Result:
    """Make a key and say it once, or close one; without a name list those that open."""
    if name is None:
        there = api_keys.all(ws.db)
        listed = [{"name": k.name, "role": k.role, "created_at": k.created_at} for k in there]
        lines = [f"{k.name}  {k.role}  since {k.created_at[:10]}" for k in there]
        text = "\n".join(lines) or "There are no keys: on this machine anybody may generate."
        return {"summary": f"{len(there)} key(s).", "text": text, "keys": listed}
    if dry_run:
        return {"summary": f"would {'close' if revoke else 'make'} the key {name}."}
    if revoke:
        api_keys.revoke(ws.db, name)
        return {"summary": f"The key {name} opens nothing any more."}
    made = api_keys.create(ws.db, name, role)
    summary = f"{made} is the key of {name} ({role}); it is not shown again."
    return {"summary": summary, "name": name, "role": role, "key": made}


def _told(ws: Workspace, name: str | None) -> Result:
    history = [one for one in aliases.history(ws.db) if name in (None, one.alias)]
    meant = {one.alias: one.version for one in history}
    lines = [
        f"{one.switched_at[:19]}  {one.alias} -> {one.version}"
        f"{' (rolled back)' if one.is_rollback else ''}  by {one.switched_by}"
        for one in history
    ]
    text = "\n".join(lines) or "There are no aliases yet: `rather alias prod VERSION` makes one."
    return {
        "summary": f"{len(meant)} alias(es).",
        "text": text,
        "aliases": meant,
        "history": [vars(one) for one in history],
    }
