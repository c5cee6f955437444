"""Stop rules: what each says about a rollout's numbers, from a warning to the end of the run.

A rule is a function of the settings, the step's metrics and the run's memory. It answers with how
near it is to firing (0 = far, 1 = stop; recorded as the gauge `stop/<rule>`) and, from its warning
level on, with a sentence. `judging.py` asks them all; the thresholds are `ppo.rules` in the
settings.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from rather.config.ppo import PPO, StopRules
from rather.training.drawing.correction import STALENESS
from rather.training.learner import Metrics

NOISE = 3
"""Standard errors that a mean over few completions may be away from what it stands for."""
ENOUGH_KL = 10.0
"""Nats a completion from which the KL a token is judged."""
SPREAD = "objective/score_spread"
Memory = dict[str, Any]
"""JSON-able: the first rollout's metrics (`start`), counters, the best held-out measurement."""


class Verdict(NamedTuple):
    """What a rule found."""

    gauge: float
    """0 = nothing, 1 = stop."""
    warns_at: float
    sentence: str


Rule = Callable[[PPO, Metrics, Memory], Verdict | None]


def _same_start(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """Before the first update the policy is its reference, to the last digit or nearly."""
    if not memory["is_start"]:
        return None
    apart = metrics["objective/kl_k3"] / max(metrics["length"], 1.0)
    return Verdict(
        min(apart / 1e-4, 1.0),
        2.0,
        f"before any training the policy differs from its reference by {apart:.2g} nats a token; "
        "an adapter, the precision or dropout is not the same on both sides.",
    )


def _mismatch(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """The sampler's log-probabilities against the trainer's of the same tokens."""
    if section.rules.max_mismatch_kl is None or metrics.get(STALENESS):
        return None
    found = metrics["objective/mismatch_kl"]
    return Verdict(
        found / section.rules.max_mismatch_kl,
        0.2,
        f"the sampler and the trainer disagree by {found:.3g} nats a token about the same tokens; "
        "look for another temperature or top-p in sampling, stale or merged weights, or another "
        "precision.",
    )


def _drift(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """How far the policy has moved from the older one that drew the rollout."""
    age = metrics.get(STALENESS)
    if section.rules.max_drift_kl is None or not age:
        return None
    found = metrics["objective/mismatch_kl"]
    return Verdict(
        found / section.rules.max_drift_kl,
        0.5,
        f"the policy is {found:.3g} nats a token away from what drew this rollout {age:.0f} steps "
        "before; lower the learning rate or rollout.staleness.",
    )


def _kl(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """An absolute bound on the sequence KL."""
    if section.rules.max_kl is None:
        return None
    found = metrics["objective/kl"]
    return Verdict(
        max(found, 0.0) / section.rules.max_kl,
        0.5,
        f"the policy is {found:.1f} nats a completion away from its reference (limit "
        f"{section.rules.max_kl:g}); raise ppo.kl_coefficient or lower the learning rate.",
    )


def _token_kl(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """Short completions can be ruined well before their sum is large."""
    limit = section.rules.max_token_kl
    if limit is None:
        return None
    total = max(metrics["objective/kl"], 0.0)
    found = total / max(metrics["length"], 1.0)
    return Verdict(
        # an answer of a word or two may rightly become another: that alone is no ruin
        min(found / limit, total / ENOUGH_KL),
        0.5,
        f"the policy is {found:.2f} nats a token away from its reference (limit {limit:g}), where "
        "text falls apart; look at the answers, raise ppo.kl_coefficient or lower the learning "
        "rate.",
    )


def _target_kl(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """KL beyond three times its target, several steps in a row."""
    target = section.kl.target_kl
    if target is None:
        return None
    found = metrics["objective/kl"]
    times = _in_a_row(memory, "target_kl", found > 3 * target)
    return Verdict(
        times / section.rules.patience if times else min(found / target, 1.0) / 4,
        0.25,
        f"KL to the reference is {found:.1f} nats a completion and its target {target:g}; raise "
        "ppo.kl_coefficient or lower the learning rate.",
    )


def _negative_kl(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """A KL estimate that stays below zero is no estimate of a KL."""
    if section.rules.min_kl is None:
        return None
    found = metrics["objective/kl"]
    # a mean over few completions may dip below zero by chance
    noise = NOISE * metrics.get("objective/kl_error", 0.0)
    times = _in_a_row(memory, "negative_kl", found < section.rules.min_kl and found < -noise)
    return Verdict(
        times / section.rules.patience,
        1 / section.rules.patience,
        f"the KL estimate is {found:.2f}, and a KL cannot be negative: sampling and scoring "
        "disagree (temperature, top-p, padding or stop tokens).",
    )


def _length(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """Completions that grow and grow."""
    if section.rules.max_length_growth is None:
        return None
    now, start = metrics["length"], max(memory["start"]["length"], 1.0)
    return Verdict(
        now / start / section.rules.max_length_growth,
        0.75,
        f"completions are {now:.0f} tokens long and were {start:.0f}: the reward may be paying for "
        "length; set ppo.shaping.length_coefficient, or look at the reward.",
    )


def _spread(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """An ensemble whose members disagree more and more is asked about what it never saw."""
    limit, start = section.rules.max_spread_growth, memory["start"].get(SPREAD, 0.0)
    if limit is None or start <= 0:
        return None
    now = metrics[SPREAD]
    return Verdict(
        now / start / limit,
        (1 + limit) / 2 / limit,
        f"the ensemble's reward models are {now:.2g} apart about a completion and were "
        f"{start:.2g}: the policy writes what people never judged; collect judgments of its "
        "answers (the next round), or raise ppo.shaping.std_coefficient or ppo.kl_coefficient.",
    )


def _falls(
    of: Callable[[Metrics], float],
    limit_of: Callable[[StopRules], float | None],
    sentence: str,
    warns_at: float | None = None,
    error: str = "",
) -> Rule:
    """A rule on what must not fall to a share (the limit) of what it was at the first rollout.

    It warns at the share `warns_at`; without one at twice the limit, or half way to a high one.
    `error` names the metric that is the standard error of a mean: a fall within noise is none.
    """

    def rule(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
        limit, now, start = limit_of(section.rules), of(metrics), of(memory["start"])
        if limit is None or start <= 0:
            return None
        noise = NOISE * memory["start"].get(error, 0.0)
        share = 1.0 if start - now <= noise else now / start
        warning = min(2 * limit, (1 + limit) / 2) if warns_at is None else warns_at
        return Verdict(
            _shortfall(share, limit),
            _shortfall(warning, limit),
            sentence.format(now=now, start=start, share=share),
        )

    return rule


def _heldout(section: PPO, metrics: Metrics, memory: Memory) -> Verdict | None:
    """The score rises while a reward that training does not see falls."""
    if "heldout/score" not in metrics:
        return None
    proxy, truth = metrics["heldout/proxy"], metrics["heldout/score"]
    before = memory.get("heldout", {"proxy": proxy, "score": truth})
    memory["heldout"] = {"proxy": proxy, "score": truth}
    times = _in_a_row(memory, "apart", proxy > before["proxy"] and truth < before["score"])
    return Verdict(
        times / section.rules.patience,
        1 / section.rules.patience,
        f"the score rises ({before['proxy']:.3g} to {proxy:.3g}) while the held-out reward falls "
        f"({before['score']:.3g} to {truth:.3g}): the reward is being over-optimised.",
    )


RULES: dict[str, Rule] = {
    "same_start": _same_start,
    "mismatch_kl": _mismatch,
    "drift_kl": _drift,
    "kl": _kl,
    "token_kl": _token_kl,
    "target_kl": _target_kl,
    "negative_kl": _negative_kl,
    "length": _length,
    "spread": _spread,
    "short": _falls(
        lambda metrics: metrics["length"],
        lambda rules: rules.min_length_share,
        "completions are {now:.1f} tokens long and were {start:.0f}: the policy stops at once; "
        "look at the reward, or raise ppo.kl_coefficient.",
    ),
    "eos": _falls(
        lambda metrics: metrics["eos_rate"],
        lambda rules: rules.min_eos_share,
        "{now:.0%} of the completions stop by themselves, and {start:.0%} did: the policy runs "
        "into the length limit; raise ppo.shaping.missing_eos_penalty.",
        warns_at=0.5,
        error="eos_error",
    ),
    "entropy": _falls(
        lambda metrics: metrics["objective/entropy"] / max(metrics["length"], 1.0),
        lambda rules: rules.min_entropy_share,
        "the policy's entropy a token has fallen to {share:.0%} of what it was: it says one thing "
        "only; raise ppo.kl_coefficient or lower the learning rate.",
    ),
    "distinct": _falls(
        lambda metrics: metrics["distinct_2"],
        lambda rules: rules.min_distinct_share,
        "distinct pairs of tokens have fallen to {share:.0%} of what they were: completions repeat "
        "themselves or each other; the reward is being hacked, or the KL penalty too weak.",
        warns_at=0.5,
    ),
    "heldout": _heldout,
}
"""Every rule that looks at a rollout, by the name of its gauge."""


def _shortfall(share: float, limit: float) -> float:
    """How near a falling share is to its limit: 0 at 1 or above, 1 at the limit or below."""
    return min(max((1 - share) / (1 - limit), 0.0), 1.0)


def _in_a_row(memory: Memory, name: str, is_so: bool) -> int:
    """Count how often something was so without a break."""
    memory[name] = memory.get(name, 0) + 1 if is_so else 0
    return int(memory[name])
