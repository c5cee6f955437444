"""`run`: the loop, round by round; it stops where a human is needed and goes on from there."""

from collections.abc import Callable, Mapping
from typing import Any

from rather.stages.runs import policy_name
from rather.store import judgments, meta
from rather.workspace import Workspace

Result = dict[str, Any]
Stages = Mapping[str, Callable[[Workspace], Result]]


def run(ws: Workspace, stages: Stages, *, dry_run: bool) -> Result:
    """Do the rounds that are wanted, with these stages."""
    section = ws.config.run
    if dry_run:
        return {"summary": f"would do {section.rounds} round(s) of {', '.join(section.stages)}."}
    done: list[Result] = []
    for number in range(section.rounds):
        turn = _turn(ws, number)
        for stage in section.stages:
            if stage == "label" and ws.config.label.simulate is None:
                waiting = _waiting(ws, section.min_judgments * (number + 1))
                if waiting:
                    return {"summary": waiting, "rounds": done, "waits_for": "judgments"}
                continue
            result = stages[stage](turn)
            ws.progress.say(f"round {number + 1}, {stage}: {result['summary']}")
            done.append({"round": number + 1, "stage": stage, **result})
    return {"summary": f"{section.rounds} round(s) done. {done[-1]['summary']}", "rounds": done}


def _turn(ws: Workspace, number: int) -> Workspace:
    """A round's settings: from the second on, the newest policy answers and is tuned on."""
    if number == 0:
        return ws
    # written down when the round begins, so that an interrupted round goes on from the same policy
    key = f"round {number + 1} starts from"
    start = meta.get(ws.db, key)
    if start is None:
        start = policy_name(ws, "newest")
        meta.put(ws.db, key, start)
    wanted: dict[str, Any] = {"sample": {"models": [start]}}
    wanted |= {stage: {"start": start} for stage in ("ppo", "dpo")}
    if ws.config.label.num_judgments is not None:
        wanted["label"] = {"num_judgments": ws.config.label.num_judgments * (number + 1)}
    return ws.configured(wanted)


def _waiting(ws: Workspace, needed: int) -> str:
    """What people still have to do before training may go on; empty when nothing."""
    counts = judgments.count(ws.db)
    have = sum(sum(by_kind.values()) for by_kind in counts.values())
    if have >= needed:
        return ""
    return (
        f"Waiting for people: {have} of {needed} judgments are there. Open the app with "
        "`rather label`, then give `rather run` again."
    )
