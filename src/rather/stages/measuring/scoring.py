"""Who scores the answers of an evaluation, and what to mind of them."""

from collections.abc import Callable, Sequence

from rather.config.stages import Evaluation
from rather.data.batch import Row
from rather.data.tokens import Codec
from rather.errors import UsageError
from rather.models.library import Library
from rather.records import Prompt
from rather.rollout.tables import MEASURED_TOGETHER
from rather.stages.runs import reward_name
from rather.stages.scorers import identity, is_reward_model, make_scorer
from rather.store import labellers, versions
from rather.workspace import Workspace

Scores = Callable[[Sequence[Row]], list[list[float]]]
"""One score a completion of every row."""


def scorer_names(ws: Workspace, section: Evaluation) -> dict[str, str]:
    """Who measures: reward, heldout, gold and judge, by name."""
    found: dict[str, str] = {}
    heldout = ""
    if section.heldout_reward is not None:
        heldout = _reward_models(ws, "evaluate.heldout_reward", section.heldout_reward)
    if section.reward == "newest":  # that nothing was tuned on is not what was tuned on
        others = [one.name for one in versions.all(ws.db, "reward")]
        others = [name for name in others if name not in heldout.split(",")]
        found |= {"reward": others[-1]} if others else {}
    elif section.reward is not None:
        found["reward"] = _reward_models(ws, "evaluate.reward", section.reward)
    found |= {"heldout": heldout} if heldout else {}
    gold = section.gold or _simulators_gold(ws)
    if gold is not None:
        found["gold"] = gold
    if section.judge is not None:
        found["judge"] = section.judge
    return found


def scorers(
    ws: Workspace, library: Library, codec: Codec, asked: Sequence[Prompt]
) -> dict[str, Scores]:
    """Each of them, ready to score rows of this tokenizer about these prompts."""
    return {
        role: _bound(ws, library, who, codec, asked)
        for role, who in scorer_names(ws, ws.config.evaluate).items()
    }


def identities(ws: Workspace, names: dict[str, str]) -> list[object]:
    """What tells these scorers from any others: also the text of functions and rules."""
    return [[role, identity(ws, [(1.0, who)])] for role, who in names.items()]


def cautions(ws: Workspace, names: dict[str, str]) -> list[str]:
    """What a reader of scores by reward models must not miss."""
    if "heldout" not in names or "reward" not in names:
        return []
    data = {version.name: version.provenance.get("data_digest") for version in versions.all(ws.db)}
    ours = {data[name] for name in names["reward"].split(",")}
    same = [name for name in names["heldout"].split(",") if data[name] in ours]
    return [
        f"{name} learnt from the same judgments as {names['reward']}, so it is no held-out reward "
        "model: train the two with `reward.half` first and second."
        for name in same
    ]


def _bound(
    ws: Workspace, library: Library, who: str, codec: Codec, asked: Sequence[Prompt]
) -> Scores:
    scorer = make_scorer(ws, library, [(1.0, who)], codec, MEASURED_TOGETHER)
    return lambda rows: scorer(asked, rows)


def _reward_models(ws: Workspace, setting: str, text: str) -> str:
    """Reward versions joined by commas, `newest` by its name."""
    if not is_reward_model(text):
        raise UsageError(f"{setting}: {text!r} is no reward version; write reward-1, or newest.")
    return ",".join(reward_name(ws, one) for one in text.split(","))


def _simulators_gold(ws: Workspace) -> str | None:
    golds = [one.settings.get("gold") for one in labellers.all(ws.db) if one.is_simulated]
    return next((gold for gold in golds if gold), None)
