"""Every method with its settings, what it should find, and how near it comes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from examples.known_truth import optima
from examples.known_truth.learning import (
    COMMON,
    NO_RULES,
    judge_all_pairs,
    tune_by_dpo,
    tune_by_ppo,
)
from examples.known_truth.world import World
from rather.config.ppo import KL, PPO, Critic, Shaping
from rather.config.stages import DPO

BETA = 1.0
"""Of the KL penalty, and of DPO."""
IPO_BETA = 0.1
"""IPO tilts by probabilities, which lie closer together than scores."""
TOLERANCE = 0.02
"""Nats: KL(π ‖ π*) of each method, mean over prompts."""
NUM_REPEATS = 40
"""Judgments of each pair of completions."""


class Found(NamedTuple):
    """How near a method came; all [P], in nats."""

    before: Tensor
    """KL(π_ref ‖ π*)"""
    after: Tensor
    """KL(π ‖ π*)"""
    value: Tensor
    """J(π), of the objective whose optimum π* is."""
    best: Tensor
    """J(π*)"""


def ppo_section(**settings: Any) -> PPO:
    """PPO in the known world; a completion that was cut off pays nothing extra."""
    defaults: dict[str, Any] = {
        **COMMON,
        "learning_rate": 6e-3,
        "schedule": "cosine",
        "num_steps": 150,
        "num_completions": 64,
        "max_new_tokens": 3,
        "kl_coefficient": BETA,
        "shaping": Shaping(missing_eos_penalty=0.0),
        "critic": Critic(value_coefficient=0.5, value_clip_range=10.0),
        "rules": NO_RULES,
    }
    return PPO(**{**defaults, **settings})


def dpo_section(**settings: Any) -> DPO:
    """DPO in the known world, one judged row of each prompt an update."""
    defaults: dict[str, Any] = {
        **COMMON,
        "learning_rate": 4e-3,
        "schedule": "cosine",
        "num_epochs": 6,
        "batch_size": 3,
        "beta": BETA,
    }
    return DPO(**{**defaults, **settings})


def by_ppo(world: World, rewards: Tensor, **settings: Any) -> Found:
    """A policy gradient under the KL penalty against π* ∝ π_ref·exp(r/β)."""
    policy = tune_by_ppo(world, rewards, ppo_section(**settings))
    return compare(world, world.logprobs(policy), rewards, BETA)


def by_dpo(world: World, rewards: Tensor) -> Found:
    """DPO on Bradley–Terry judgments of the rewards, against the same π*."""
    preferences = optima.bradley_terry_preferences(rewards)
    judged = judge_all_pairs(world, preferences, NUM_REPEATS)
    policy = tune_by_dpo(world, judged, dpo_section())
    return compare(world, world.logprobs(policy), rewards, BETA)


def by_ipo(world: World, rewards: Tensor) -> Found:
    """IPO on the same judgments, against its own optimum: what it tilts by is p(y ≻ μ)."""
    preferences = optima.bradley_terry_preferences(rewards)
    judged = judge_all_pairs(world, preferences, NUM_REPEATS)
    policy = tune_by_dpo(world, judged, dpo_section(loss="ipo", beta=IPO_BETA))
    return compare(world, world.logprobs(policy), preferences.mean(dim=2), IPO_BETA)


def compare(world: World, logprobs: Tensor, rewards: Tensor, beta: float) -> Found:
    """A policy beside the optimum of E[r] − β·KL."""
    reference = world.logprobs(world.reference)
    best = optima.optimal_policy(reference, rewards, beta)
    return Found(
        before=optima.kl(reference, best),
        after=optima.kl(logprobs, best),
        value=optima.objective(logprobs, reference, rewards, beta),
        best=optima.optimal_value(reference, rewards, beta),
    )


METHODS: dict[str, Callable[[World, Tensor], Found]] = {
    "PPO": lambda world, rewards: by_ppo(world, rewards, advantage="gae"),
    "RLOO": lambda world, rewards: by_ppo(world, rewards, advantage="rloo"),
    "GRPO (Dr.)": lambda world, rewards: by_ppo(
        world, rewards, advantage="grpo", scale_by_std=False
    ),
    "GRPO": lambda world, rewards: by_ppo(world, rewards, advantage="grpo"),
    "REINFORCE++": lambda world, rewards: by_ppo(world, rewards, advantage="reinforce++"),
    "DPO": by_dpo,
    "IPO": by_ipo,
}
"""Those that must come within the tolerance of their optimum."""


def by_kl_in_loss(world: World, rewards: Tensor) -> Found:
    """GRPO with its KL as a loss (k2), against the optimum that has: not π*."""
    settings = ppo_section(
        advantage="grpo", scale_by_std=False, kl=KL(penalty="loss", estimator="k2")
    )
    logprobs = world.logprobs(tune_by_ppo(world, rewards, settings))
    reference = world.logprobs(world.reference)
    best = optima.kl_in_loss_policy(reference, rewards, BETA, world.completions)
    found = compare(world, logprobs, rewards, BETA)
    return found._replace(before=optima.kl(reference, best), after=optima.kl(logprobs, best))
