"""The settings of one round: who answers, what is tuned and compared, which judgments count."""

import re
from collections.abc import Sequence
from typing import Any

from rather.records import Round
from rather.rollout.endpoint import is_address
from rather.stages.runs import policy_name
from rather.store import rounds
from rather.workspace import Workspace

TUNING = ("ppo", "dpo")


def first_policy(ws: Workspace) -> str:
    """What the next round begins from: the policy in force, at first what tuning starts from."""
    tuned = [stage for stage in ws.config.run.stages if stage in TUNING]
    start = getattr(ws.config, tuned[0]).start if tuned else "newest"
    return rounds.policy_in_force(ws.db) or policy_name(ws, start)


def settings_of(ws: Workspace, turn: Round) -> dict[str, Any]:
    """What a round sets, over the configuration; the same whenever it is asked.

    Names like `newest` are replaced by what they meant when the round came to them.
    """
    config, earlier = ws.config, rounds.all(ws.db)[: turn.number - 1]
    wanted: dict[str, Any] = {
        "sample": {
            "models": who_answers(config.sample.models, turn, earlier, config.run.num_older)
        },
        "evaluate": {"baseline": turn.start},
        **{stage: {"start": turn.start} for stage in TUNING},
    }
    if config.label.num_judgments is not None:
        wanted["label"] = {"num_judgments": config.label.num_judgments * turn.number}
    if turn.judgments_until is not None:
        wanted["judgments_until"] = turn.judgments_until
    made = turn.done.get("reward", {}).get("version")
    if made is not None:
        wanted["ppo"]["reward"] = _pinned(config.ppo.reward, made)
        if config.evaluate.reward is not None:
            wanted["evaluate"]["reward"] = _pinned(config.evaluate.reward, made)
    return wanted


def who_answers(
    configured: Sequence[str], turn: Round, earlier: Sequence[Round], num_older: int
) -> list[str]:
    """The models that are sampled: at first those configured, later the policy in force, some
    before it, and the servers."""
    if turn.number == 1:
        return [turn.start if name == "newest" else name for name in configured]
    former = [one.start for one in reversed(earlier)]
    older = [name for name in dict.fromkeys(former) if name != turn.start][:num_older]
    servers = [name for name in configured if is_address(name)]
    return [turn.start, *older, *servers]


def _pinned(reward: str, version: str) -> str:
    return re.sub(r"\bnewest\b", version, reward)
