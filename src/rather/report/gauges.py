"""How near each stop rule of a run is, in the rule's own unit, from what the run recorded.

`training/rules.py` decides and records a gauge from 0 (nothing) to 1 (stop). Here it is turned
back into what people know it by, beside the limits of the run's own settings; a test holds both to
the same thresholds. No torch, so that the web app can show it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rather.records import Alarm
from rather.report.metrics import GAUGE

State = Literal["quiet", "warned", "stopped", "unknown"]
Scale = Literal["rises", "falls", "counts"]
"""rises: the gauge is the value over its limit. falls: how much of the way from 1 down to the limit
is gone. counts: findings in a row, over how many stop the run."""


def _share(share: float) -> Callable[[float], float]:
    return lambda limit: share * limit


def _fixed(value: float) -> Callable[[float], float]:
    return lambda limit: value


@dataclass(frozen=True)
class Rule:
    """One stop rule, as it is shown."""

    name: str
    says: str
    limit: str | float
    """Path of the setting below the stage's section, or a fixed number."""
    warns: Callable[[float], float] | None
    """From where it stops to where it warns, both as shown. None: it only stops."""
    scale: Scale = "rises"
    metric: str = ""
    """What is shown instead of the gauge's own value."""
    times: float = 1.0
    """The limit counts this often."""
    needs: str = ""
    """A setting without which the rule is off, where that is not its limit."""
    is_optional: bool = False
    """True: shown only where the run measures it."""


PPO_RULES = (
    Rule("same_start", "KL to the reference before any training (nats a token)", 1e-4, None),
    Rule(
        "mismatch_kl",
        "Sampler against trainer (nats a token)",
        "rules.max_mismatch_kl",
        _share(0.2),
    ),
    Rule(
        "drift_kl",
        "Policy against the older one that drew for it (nats a token)",
        "rules.max_drift_kl",
        _share(0.5),
        is_optional=True,
    ),
    Rule("kl", "KL to the reference (nats a completion)", "rules.max_kl", _share(0.5)),
    Rule(
        "token_kl",
        "KL to the reference (nats a token, once it is ten a completion)",
        "rules.max_token_kl",
        _share(0.5),
    ),
    Rule(
        "target_kl",
        "KL to the reference (nats a completion) against its target: three times it may not last",
        "kl.target_kl",
        _share(1 / 3),
        metric="objective/kl",
        times=3.0,
    ),
    Rule(
        "negative_kl",
        "Steps in a row with a KL estimate below zero",
        "rules.patience",
        _fixed(1.0),
        "counts",
        needs="rules.min_kl",
    ),
    Rule("length", "Length over the first rollout's", "rules.max_length_growth", _share(0.75)),
    Rule(
        "spread",
        "How far the ensemble's reward models are apart, over the first rollout's",
        "rules.max_spread_growth",
        lambda limit: (1 + limit) / 2,
        is_optional=True,
    ),
    Rule("short", "Length over the first rollout's", "rules.min_length_share", _share(2), "falls"),
    Rule(
        "eos",
        "Completions that stop by themselves, over the first rollout's",
        "rules.min_eos_share",
        _fixed(0.5),
        "falls",
    ),
    Rule(
        "entropy",
        "Entropy a token over the first rollout's",
        "rules.min_entropy_share",
        _share(2),
        "falls",
    ),
    Rule(
        "distinct",
        "Distinct pairs of tokens over the first rollout's",
        "rules.min_distinct_share",
        _fixed(0.5),
        "falls",
    ),
    Rule(
        "heldout",
        "Findings in a row that the score rises while the held-out reward falls",
        "rules.patience",
        _fixed(1.0),
        "counts",
        needs="rules.heldout_reward",
    ),
    Rule(
        "ratio",
        "Mean ratio of a step's updates: beyond the limit one is left out, the third time stops",
        "rules.max_ratio",
        lambda limit: min(2.0, limit),
        metric="val/ratio",
    ),
)
DPO_RULES = (
    Rule(
        "chosen",
        "Fall of the chosen completions' log-probability (nats)",
        "max_chosen_drop",
        _share(0.5),
    ),
)
RULES = {"ppo": PPO_RULES, "dpo": DPO_RULES}
"""By stage; a stage that is not here has none. `not finite` has no gauge, only alarms."""


@dataclass(frozen=True)
class Gauge:
    """How near one rule is."""

    rule: str
    says: str
    value: float | None
    warn_at: float | None
    stop_at: float | None
    rises: bool
    state: State


Newest = Mapping[str, tuple[int, float]]
"""The newest (step, value) of every metric of a run."""


def gauges(
    stage: str,
    config: Mapping[str, Any],
    newest: Newest,
    alarms: Sequence[tuple[int, Alarm]],
) -> list[Gauge]:
    """The gauges of a run, of the rules that its settings leave on."""
    found = []
    for rule in RULES.get(stage, ()):
        limit = _setting(config, rule.limit)
        is_on = not rule.needs or _setting(config, rule.needs) is not None
        if rule.is_optional and f"{GAUGE}{rule.name}" not in newest:
            continue
        if limit is not None and is_on:
            found.append(_gauge(rule, float(limit), newest, alarms))
    return found


def _gauge(rule: Rule, limit: float, newest: Newest, alarms: Sequence[tuple[int, Alarm]]) -> Gauge:
    recorded = newest.get(rule.metric or f"{GAUGE}{rule.name}")
    if recorded is not None and not math.isfinite(recorded[1]):
        recorded = None
    stop_at = limit * rule.times
    return Gauge(
        rule=rule.name,
        says=rule.says,
        value=None if recorded is None else _value(rule, limit, recorded[1]),
        warn_at=_warn_at(rule, stop_at),
        stop_at=stop_at,
        rises=rule.scale != "falls",
        state=_state(rule, None if recorded is None else recorded[0], alarms),
    )


def _value(rule: Rule, limit: float, recorded: float) -> float:
    if rule.metric:
        return recorded
    return 1 - recorded * (1 - limit) if rule.scale == "falls" else recorded * limit


def _warn_at(rule: Rule, stop_at: float) -> float | None:
    if rule.warns is None:
        return None
    warn_at = rule.warns(stop_at)
    # nothing that falls warns later than it stops, or above where it began
    return min(max(warn_at, stop_at), 1.0) if rule.scale == "falls" else warn_at


def _state(rule: Rule, step: int | None, alarms: Sequence[tuple[int, Alarm]]) -> State:
    """Stopped once and for all; warned as long as the newest measurement is what it was about."""
    said = [(at, alarm.severity) for at, alarm in alarms if alarm.rule == rule.name]
    if any(severity == "stop" for _, severity in said):
        return "stopped"
    if step is None:
        return "unknown"
    return "warned" if any(at >= step for at, _ in said) else "quiet"


def _setting(config: Mapping[str, Any], path: str | float) -> Any:
    """A setting of the run by its path; None where it is null, or was not there yet."""
    if not isinstance(path, str):
        return path
    value: Any = config
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
