"""`status`: what a workspace holds, and the next sensible command; without torch."""

from typing import Any

from rather.stages.gate import weakness
from rather.stages.next_step import next_command, sentence
from rather.stages.reported import use
from rather.stages.rounds.standing import standing
from rather.store import completions, judgments, prompts, runs, versions
from rather.workspace import Workspace


def status(ws: Workspace) -> dict[str, Any]:
    """What the workspace holds, and the next sensible command."""
    counts = judgments.count(ws.db)
    made = [version.name for version in versions.all(ws.db)]
    newest = versions.all(ws.db, "reward")[-1:]
    least = ws.config.ppo.rules.min_accuracy
    facts = {
        "workspace": str(ws.root),
        "model": ws.config.model,
        "prompts": prompts.count(ws.db),
        "completions": completions.count(ws.db),
        "judgments": counts,
        "versions": made,
        "too_weak": weakness(newest[0], least) if newest else "",
        "round": standing(ws),
        "use": use.in_use(ws),
        "runs": [
            {"id": run.id, "stage": run.stage, "status": run.status, "message": run.message}
            for run in runs.all(ws.db)
        ],
    }
    following = next_command(facts)
    summary = f"{sentence(facts)} Next: {following}"
    return {"summary": summary, **facts, "next": following}
