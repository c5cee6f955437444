"""`purge`: what was served is deleted for good when its days are over, or somebody asks for it."""

from typing import Any

from rather.errors import UsageError
from rather.stages.history.withdrawing import NOTHING_DONE
from rather.store.use import reactions, served
from rather.store.use.served import oldest_kept
from rather.workspace import Workspace

Result = dict[str, Any]
YOURS = "look after back-ups and exports yourself."
STILL_READ = " Somebody reads the database, whose log keeps a part until then; purge again later."


def purge(ws: Workspace, client: str | None, *, everything: bool, does_it: bool) -> Result:
    """Delete what was served longer ago than `serve.keep_days`, to one client, or all of it.

    Of a client also what they said is counted no more. What somebody agreed to be learnt from is
    the workspace's own by then; `withdraw` takes that back. Says what would be done, unless
    `does_it`.
    """
    if client is not None and everything:
        raise UsageError("Give --client ID or --all, not both: --all is everybody's.")
    before = None if client or everything else oldest_kept(ws.config.serve.keep_days)
    found = served.count(ws.db, before, client)
    number = sum(found.values())
    result: Result = {"served": found, "reactions": 0, "is_done": does_it}
    if not does_it:
        return {"summary": f"would delete {number} served answers. {NOTHING_DONE}", **result}
    result["reactions"] = reactions.withdraw(ws.db, client) if client else 0
    number = served.purge(ws.db, before, client)
    rest = "" if ws.db.scrub() else STILL_READ
    return {"summary": f"deleted {number} served answers for good; {YOURS}{rest}", **result}
