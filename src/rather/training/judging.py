"""Asking the stop rules: all of them about a rollout, two about every update.

An answer is numbers to record and alarms to sound; nothing is stopped in here.
"""

from rather.config.ppo import PPO
from rather.records import Alarm
from rather.training.learner import Metrics
from rather.training.rules import RULES, Memory

RATIO_DROPS = 3
"""Updates left out for their ratio after which the run stops."""
RATIO_WARNS = 2.0
"""Mean ratio, or one over it, from which an update is worth a word."""


def judge(section: PPO, metrics: Metrics, memory: Memory) -> tuple[Metrics, list[Alarm]]:
    """Ask every rule about one step: gauges by metric name, and alarms (those that stop last)."""
    memory["is_start"] = "start" not in memory
    memory.setdefault("start", dict(metrics))
    gauges: Metrics = {}
    alarms: list[Alarm] = []
    for name, rule in RULES.items():
        verdict = rule(section, metrics, memory)
        if verdict is None:
            continue
        gauges[f"stop/{name}"] = verdict.gauge
        if verdict.gauge >= 1:
            alarms.append(Alarm(name, "stop", f"Stopped: {verdict.sentence}"))
        elif verdict.gauge >= verdict.warns_at:
            alarms.append(Alarm(name, "warn", verdict.sentence))
    return gauges, sorted(alarms, key=lambda alarm: alarm.severity == "stop")


def judge_update(section: PPO, measured: Metrics, memory: Memory) -> tuple[bool, list[Alarm]]:
    """Whether an update is to be left out, by how far it finds the policy from its rollout.

    A mean ratio beyond its limit is worth an alarm, and the third one stops. A KL beyond its own
    only ends the step (`has_gone_too_far`).
    """
    limit, ratio = section.rules.max_ratio, measured["val/ratio"]
    if limit is None or ratio <= limit:
        calm = limit is None or 1 / RATIO_WARNS <= ratio <= RATIO_WARNS
        said = f"the mean ratio of an update is {ratio:.3g}: the policy moves too fast."
        return has_gone_too_far(section, measured), [] if calm else [Alarm("ratio", "warn", said)]
    drops = memory["ratio_drops"] = memory.get("ratio_drops", 0) + 1
    said = f"the mean ratio of an update is {ratio:.3g} (limit {limit:g}); it was left out"
    if drops < RATIO_DROPS:
        return True, [Alarm("ratio", "warn", f"{said}.")]
    return True, [Alarm("ratio", "stop", f"Stopped: {said}, as {drops - 1} were before.")]


def has_gone_too_far(section: PPO, measured: Metrics) -> bool:
    """Whether an update found the policy so far from its rollout that the step ends with it."""
    limit = section.rules.max_update_kl
    return limit is not None and measured["policy/approxkl_avg"] > limit
