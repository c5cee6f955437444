"""`status` in words: what a workspace holds, and the first step of the loop not done yet."""

from typing import Any

from rather.stages.rounds.standing import standing
from rather.store import completions, judgments, prompts, runs, versions
from rather.workspace import Workspace


def sentence(facts: dict[str, Any]) -> str:
    """How much there is of everything."""
    people = sum(one["people"] for one in facts["judgments"].values())
    simulated = sum(one["simulated"] for one in facts["judgments"].values())
    said = (
        f"{sum(facts['prompts'].values())} prompts, {sum(facts['completions'].values())} "
        f"completions, {people} judgments by people and {simulated} simulated, "
        f"{len(facts['versions'])} model versions."
    )
    return f"{said} {described(facts['round'])}" if facts["round"] else said


def next_command(facts: dict[str, Any]) -> str:
    """The first step of the loop that has not been done."""
    turn = facts["round"]
    if turn and turn["status"] == "running":
        again = f"rather run --rounds {turn['number']}"
        return "rather label" if turn["waits_for"] else f"{again} (goes on where it stopped)"
    stages = {name.rsplit("-", 1)[0] for name in facts["versions"]}
    unfinished = [run["stage"] for run in facts["runs"] if run["status"] == "running"]
    judged = any(sum(one.values()) for one in facts["judgments"].values())
    if unfinished:
        return f"rather {unfinished[-1]} (goes on where it stopped)"
    if not any(facts["prompts"].values()):
        return "rather import FILE"
    if not facts["completions"] and not judged:
        return "rather sample"
    if not judged:
        return "rather label"
    if "reward" not in stages:
        return "rather reward"
    if not stages & {"ppo", "dpo"}:
        return "rather ppo"
    return "rather evaluate" if not _evaluated(facts) else "rather report"


def described(turn: dict[str, Any]) -> str:
    """The newest round in a sentence."""
    if turn["status"] == "running":
        where = turn["waits_for"] or f"next comes {turn['next_stage'] or 'the decision'}."
        return f"Round {turn['number']} from {turn['start']}: {where}"
    ended = turn["status"].replace("_", " ")
    return f"Round {turn['number']} was {ended}: {turn['why']}"


def _evaluated(facts: dict[str, Any]) -> bool:
    return any(run["stage"] == "evaluate" and run["status"] == "done" for run in facts["runs"])


def status(ws: Workspace) -> dict[str, Any]:
    """What the workspace holds, and the next sensible command."""
    counts = judgments.count(ws.db)
    made = [version.name for version in versions.all(ws.db)]
    facts = {
        "workspace": str(ws.root),
        "model": ws.config.model,
        "prompts": prompts.count(ws.db),
        "completions": completions.count(ws.db),
        "judgments": counts,
        "versions": made,
        "round": standing(ws),
        "runs": [
            {"id": run.id, "stage": run.stage, "status": run.status, "message": run.message}
            for run in runs.all(ws.db)
        ],
    }
    following = next_command(facts)
    summary = f"{sentence(facts)} Next: {following}"
    return {"summary": summary, **facts, "next": following}
