"""Where the rounds stand, and what the one under way waits for: for `status` and for `run`."""

from typing import Any

from rather.records import Round
from rather.stages.rounds.open_questions import KINDS_CHOSEN, num_open
from rather.store import judgments, rounds
from rather.workspace import Workspace


def standing(ws: Workspace) -> dict[str, Any] | None:
    """The newest round as JSON, with its next stage; None before the first."""
    made = rounds.all(ws.db)
    if not made:
        return None
    turn = made[-1]
    following = next_stage(ws, turn)
    return {
        "number": turn.number,
        "status": turn.status,
        "start": turn.start,
        "policy": turn.policy,
        "in_force": rounds.policy_in_force(ws.db),
        "why": turn.why,
        "done": list(turn.done),
        "next_stage": following,
        "waits_for": waiting(ws, turn) if following == "label" else "",
    }


def next_stage(ws: Workspace, turn: Round) -> str | None:
    """The first stage of a round that is not done; None where only the decision is missing."""
    if turn.status != "running":
        return None
    passed_over = {"choose"} if ws.config.label.kind not in KINDS_CHOSEN else set[str]()
    return next((s for s in ws.config.run.stages if s not in {*turn.done, *passed_over}), None)


def waiting(ws: Workspace, turn: Round) -> str:
    """What people still have to do before a round may learn; empty when nothing."""
    if ws.config.label.simulate is not None:
        return ""
    have, needed = judgments.count_after(ws.db, turn.judgments_before), num_needed(ws, turn)
    if have >= needed:
        return ""
    return (
        f"Waiting for people: {have} of {needed} judgments are there. Open the app with "
        "`rather label`, then give `rather run` again."
    )


def num_needed(ws: Workspace, turn: Round) -> int:
    """Judgments the round waits for: no more than there are chosen questions for it."""
    least, still_open = ws.config.run.min_judgments, num_open(ws)
    if still_open is None:
        return least
    return min(least, judgments.count_after(ws.db, turn.judgments_before) + still_open)
