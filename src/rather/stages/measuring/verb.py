"""`rather evaluate`: what its arguments ask for, and the answer in a sentence."""

from collections.abc import Sequence
from typing import Any

from rather.errors import UsageError
from rather.stages import evaluating
from rather.stages.measuring import contests, rewards, standings
from rather.stages.measuring.answers import held_out
from rather.stages.measuring.shown import as_table
from rather.stages.scorers import is_reward_model
from rather.workspace import Workspace

Result = dict[str, Any]


def evaluate(ws: Workspace, names: Sequence[str], *, dry_run: bool, human: bool) -> Result:
    """Compare policies, measure reward models, or (`human`) put two policies before people."""
    reward_models = [name for name in names if name != "newest" and is_reward_model(name)]
    if reward_models or ws.config.evaluate.benchmark is not None:
        return _rewards(ws, names, reward_models, dry_run=dry_run, human=human)
    models = evaluating.models_to_evaluate(ws, names)
    num_prompts = len(held_out(ws))
    if human:
        opponents = contests.opponents(ws, models if names else models[-1:])
        if dry_run:
            what = f"{opponents[0]} and {opponents[1]} on {num_prompts} held-out prompts"
            return {"summary": f"would put {what} before people."}
        result = contests.put_before_people(ws, opponents)
        return {"summary": contests.sentence(result), **result}
    if dry_run:
        what = f"{', '.join(models) or 'the baseline'} on {num_prompts} held-out prompts"
        return {"summary": f"would compare {what}."}
    result = evaluating.evaluate_all(ws, models)
    for caution in result["cautions"]:
        ws.progress.say(f"mind: {caution}")
    if "reward" in result["scorers"]:  # how far its word can be believed stands beside it
        rewards.evaluate_where_judged(ws, result["scorers"]["reward"])
    rated = standings.ratings(ws, result)
    said = " ".join(
        filter(None, (evaluating.sentence(result), _capital(standings.sentence(rated))))
    )
    return {"summary": said, "text": f"{as_table(result)}\n{said}", **result, "ratings": rated}


def _rewards(
    ws: Workspace, names: Sequence[str], reward_models: Sequence[str], *, dry_run: bool, human: bool
) -> Result:
    others = [name for name in names if name not in (*reward_models, "newest")]
    if others or human:
        raise UsageError(
            "Reward models are measured by themselves: name only reward versions"
            + (f", without {', '.join(others)}." if others else ", without --human.")
        )
    asked = reward_models or ["newest"]
    if dry_run:
        where = ws.config.evaluate.benchmark or "held-out judgments"
        return {"summary": f"would measure {', '.join(asked)} on {where}."}
    result = rewards.evaluate_rewards(ws, asked)
    return {"summary": rewards.sentence(result), **result}


def _capital(said: str) -> str:
    return f"{said[0].upper()}{said[1:]}." if said else ""
