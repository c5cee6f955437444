"""What use says of the versions, beside any evaluation: preferences, thumbs, corrections."""

import math
from typing import Any

from rather.equations.intervals import Interval
from rather.feedback.use.reactions import Approval, Duel, approvals, counting, duels
from rather.report.evaluated import Approved, InUse, Preferred, Rate
from rather.store.use import reactions, served
from rather.workspace import Workspace

Result = dict[str, Any]


def in_use(ws: Workspace) -> Result | None:
    """What is kept of use and what users said, as JSON; None where there was no use."""
    kept, said = served.count(ws.db), counting(reactions.all(ws.db))
    if not kept and not said:
        return None
    return {
        "kept": kept,
        "reactions": len(said),
        "learnt_from": sum(one.judgment_id is not None for one in said),
        "without_consent": sum(not one.has_consent for one in said),
        "preferred": [_duel(one) for one in duels(said)],
        "approved": [_approval(one) for one in approvals(said)],
    }


def sentence(found: Result) -> str:
    """The same in a few words."""
    said = [
        f"In use: {sum(found['kept'].values())} answers kept, {found['reactions']} reactions "
        f"({found['without_consent']} without consent to learn from them)"
    ]
    said += [
        f"{one['first']} is preferred to {one['second']}{_at(one)} in {_share(one)}"
        for one in found["preferred"]
        if one["n"]
    ]
    return "; ".join(said) + "."


def reported(ws: Workspace) -> InUse | None:
    """The same for the report's page."""
    found = in_use(ws)
    if found is None:
        return None
    return InUse(
        num_kept=sum(found["kept"].values()),
        num_reactions=found["reactions"],
        num_without_consent=found["without_consent"],
        preferred=tuple(
            Preferred(one["asked"], one["first"], one["second"], _rate(one), one["num_both_bad"])
            for one in found["preferred"]
        ),
        approved=tuple(
            Approved(one["asked"], one["model"], _rate(one), one["num_corrected"])
            for one in found["approved"]
        ),
    )


def _duel(one: Duel) -> Result:
    names = {"asked": one.asked, "first": one.first, "second": one.second}
    return {**names, **_numbers(one.win_rate), "num_both_bad": one.num_both_bad}


def _approval(one: Approval) -> Result:
    names = {"asked": one.asked, "model": one.model}
    return {**names, **_numbers(one.share), "num_corrected": one.num_corrected}


def _numbers(share: Interval) -> Result:
    value = None if math.isnan(share.value) else share.value
    return {"value": value, "low": share.low, "high": share.high, "n": share.n}


def _rate(one: Result) -> Rate | None:
    return Rate(one["value"], one["low"], one["high"], one["n"]) if one["n"] else None


def _share(one: Result) -> str:
    return f"{one['value']:.0%} [{one['low']:.0%}, {one['high']:.0%}] of {one['n']}"


def _at(one: Result) -> str:
    return f" at {one['asked']}" if one["asked"] else ""
