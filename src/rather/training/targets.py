"""From a rollout to what the update learns from: scores, token rewards, advantages, returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rather.config.ppo import PPO
from rather.equations import advantages as adv
from rather.equations import kl
from rather.equations import scores as shape
from rather.rollout.rollout import Rollout


@dataclass(frozen=True)
class Targets:
    """Fixed while a rollout is trained on."""

    advantages: Tensor
    """[B, T]"""
    returns: Tensor | None
    """[B, T] what the critic should have said; None without one."""
    token_rewards: Tensor
    """[B, T]"""
    scores: Tensor
    """[B] after shaping."""


def take_targets(
    section: PPO, rollout: Rollout, *, kl_coefficient: float, memory: dict[str, Any]
) -> Targets:
    """Shape the scores, take the KL penalty from each token's reward, then the advantages.

    `memory` is what `remember_scores` made of this rollout and those before it.
    """
    scores = shaped_scores(section, rollout, memory)
    penalties = kl.ESTIMATORS[section.kl.estimator](rollout.logprobs, rollout.ref_logprobs)
    in_reward = kl_coefficient if section.kl.penalty == "reward" else 0.0
    mask = rollout.completion_mask
    rewards = adv.token_rewards(scores, penalties, mask, kl_coefficient=in_reward)
    if rollout.token_scores is not None:
        rewards = rewards + rollout.token_scores
    if section.shaping.whiten_token_rewards:
        rewards = adv.whiten(rewards, mask, center_mean=False)
    advantages, returns = ADVANTAGES[section.advantage](section, rollout, rewards)
    return Targets(advantages, returns, rewards, scores)


def shaped_scores(section: PPO, rollout: Rollout, memory: dict[str, Any]) -> Tensor:
    """[B] scores after all that `ppo.shaping` asks for, in the order of its settings."""
    shaping, scores = section.shaping, rollout.scores
    if shaping.center_on_reference:
        scores = scores - memory["reference_mean"]
    if shaping.standardize:
        scores = shape.standardize(scores, shape.Moments(*memory["moments"]))
    if shaping.score_clip is not None:
        scores = shape.clip(scores, limit=shaping.score_clip)
    scores = shape.missing_eos(scores, rollout.stopped, penalty=shaping.missing_eos_penalty)
    return scores - shape.length_penalty(
        rollout.lengths, coefficient=shaping.length_coefficient, free_length=shaping.free_length
    )


def remember_scores(section: PPO, rollout: Rollout, memory: dict[str, Any]) -> None:
    """Take a new rollout into the running numbers that `shaped_scores` needs."""
    # at the first rollout the policy is its reference still
    mean = memory.setdefault("reference_mean", rollout.scores.mean().item())
    scores = rollout.scores - mean if section.shaping.center_on_reference else rollout.scores
    before = shape.Moments(*memory.get("moments", (0.0, 0.0, 0.0)))
    memory["moments"] = list(shape.merge(before, scores))


def _gae(section: PPO, rollout: Rollout, rewards: Tensor) -> tuple[Tensor, Tensor | None]:
    assert rollout.values is not None, "advantage: gae comes with a critic"
    mask = rollout.completion_mask
    advantages, returns = adv.gae(
        rewards,
        rollout.values,
        mask,
        discount=section.discount,
        gae_lambda=section.critic.gae_lambda,
    )
    return adv.whiten(advantages, mask, center_mean=True), returns


def _rloo(section: PPO, rollout: Rollout, rewards: Tensor) -> tuple[Tensor, Tensor | None]:
    return _spread(adv.rloo(_by_prompt(rollout, rewards)), rollout), None


def _grpo(section: PPO, rollout: Rollout, rewards: Tensor) -> tuple[Tensor, Tensor | None]:
    groups = _by_prompt(rollout, rewards)
    return _spread(adv.grpo(groups, scale_by_std=section.scale_by_std), rollout), None


def _reinforce_plus_plus(
    section: PPO, rollout: Rollout, rewards: Tensor
) -> tuple[Tensor, Tensor | None]:
    mask = rollout.completion_mask
    return adv.reinforce_plus_plus(rewards, mask, discount=section.discount), None


ADVANTAGES: dict[str, Callable[[PPO, Rollout, Tensor], tuple[Tensor, Tensor | None]]] = {
    "gae": _gae,
    "rloo": _rloo,
    "grpo": _grpo,
    "reinforce++": _reinforce_plus_plus,
}
"""How advantages (and, with a critic, returns) come from token rewards [B, T]."""


def _by_prompt(rollout: Rollout, rewards: Tensor) -> Tensor:
    """A completion's total reward, a row a prompt: [P, n]."""
    return rewards.sum(dim=1).view(len(rollout.rows), -1)


def _spread(advantages: Tensor, rollout: Rollout) -> Tensor:
    """One advantage a completion [P, n] on each of its tokens: [B, T]."""
    mask = rollout.completion_mask
    return torch.where(mask, advantages.reshape(-1, 1), 0.0)
