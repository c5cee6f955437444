"""PPO's losses per token, and the weights that sum them to the loss of a minibatch.

A minibatch's loss is (per-token loss × weights).sum(); its weights are made once, so microbatches
add up to it exactly, however they are cut.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

LOG_RATIO_LIMIT = 20.0
"""e^±20 is as good as never or always; beyond it the exponential overflows and 0·∞ is no number."""


class PolicyLoss(NamedTuple):
    """The clipped surrogate and what it did; all [B, T], 0 (False) where masked."""

    loss: Tensor
    clipped: Tensor
    """Whether a clip held the token, so that it gives no gradient."""
    approx_kl: Tensor
    """½·(log π − log π_old)², Schulman's k2 (http://joschu.net/blog/kl-approx.html)."""
    ratio: Tensor
    """π / π_old."""


def importance_weights(
    logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor, *, most: float
) -> Tensor:
    """What each token counts when another policy than π drew it: [B, T], 0 where masked.

        w = min(π/μ, C)

    Truncated importance sampling: Ionides 2008, Eq. 3; for engines and versions that differ, Yao et
    al. 2025, "Your efficient RL framework secretly brings you off-policy RL training". π is the
    policy before the update, μ whoever sampled. All [B, T].
    """
    difference = torch.where(mask, logprobs - sampler_logprobs, 0.0)
    ratio = difference.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT).exp()
    return torch.where(mask, ratio.clamp(max=most), 0.0)


def are_near(logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor, *, most: float) -> Tensor:
    """Which completions are near enough to π to learn from: [B], True = near.

        1/m ≤ (Π_t π/μ)^(1/|y|) ≤ m

    The ratio of a whole completion as GSPO takes it: Zheng et al. 2025, Eq. 7,
    https://arxiv.org/abs/2507.18071; here what lies outside is rejected. All [B, T].
    """
    assert most > 1
    difference = torch.where(mask, logprobs - sampler_logprobs, 0.0).sum(dim=1)
    return (difference / mask.sum(dim=1).clamp(min=1)).abs() <= math.log(most)


def policy_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_range: float,
    dual_clip: float | None = None,
) -> PolicyLoss:
    """PPO's clipped surrogate of each completion token.

        ρ = π/π_old,   L = max(−A·ρ, −A·clip(ρ, 1−ε, 1+ε))
        with dual clip, where A < 0:   L = min(L, −A·c),  c > 1

    Schulman et al. 2017, Eq. 7, https://arxiv.org/abs/1707.06347; dual clip: Ye et al. 2020, Eq. 5,
    https://arxiv.org/abs/1912.09729. All [B, T].
    """
    assert logprobs.shape == old_logprobs.shape == advantages.shape == mask.shape
    assert dual_clip is None or dual_clip > 1
    difference = torch.where(mask, logprobs - old_logprobs, 0.0)
    advantages = torch.where(mask, advantages, 0.0)
    ratio = difference.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT).exp()
    plain = -advantages * ratio
    held = -advantages * ratio.clamp(1 - clip_range, 1 + clip_range)
    loss, clipped = torch.maximum(plain, held), held > plain
    if dual_clip is not None:
        ceiling = -advantages * dual_clip
        above = (advantages < 0) & (loss > ceiling)
        loss, clipped = torch.where(above, ceiling, loss), clipped | above
    return PolicyLoss(loss, clipped, 0.5 * difference**2, torch.where(mask, ratio, 0.0))


class ValueLoss(NamedTuple):
    """The clipped squared error; both [B, T], 0 (False) where masked."""

    loss: Tensor
    clipped: Tensor
    """Whether the clipped error was the larger one."""


def value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, *, value_clip_range: float
) -> ValueLoss:
    """Squared error to the returns, where the value may move by the clip range only.

        L = ½·max((V − R)², (clip(V, V_old − ε, V_old + ε) − R)²)

    In no paper: OpenAI's baselines code for Schulman et al. 2017, and that of Ziegler et al. 2019
    (https://github.com/openai/lm-human-preferences). All [B, T].
    """
    assert values.shape == old_values.shape == returns.shape == mask.shape
    held = old_values + (values - old_values).clamp(-value_clip_range, value_clip_range)
    plain = torch.where(mask, values - returns, 0.0) ** 2
    clipped = torch.where(mask, held - returns, 0.0) ** 2
    return ValueLoss(0.5 * torch.maximum(plain, clipped), clipped > plain)


def token_mean(mask: Tensor, *, max_length: int) -> Tensor:
    """Every real token weighs the same: 1 / Σ|y|, over all tokens of the minibatch.

    DAPO: Yu et al. 2025, §3.3, https://arxiv.org/abs/2503.14476. [B, T] -> [B, T].
    """
    return mask / mask.sum().clamp(min=1)


def sequence_mean(mask: Tensor, *, max_length: int) -> Tensor:
    """Every completion weighs the same, and its tokens share that: 1 / (B·|y|).

    GRPO: Shao et al. 2024, Eq. 3, https://arxiv.org/abs/2402.03300. [B, T] -> [B, T].
    """
    return mask / (len(mask) * mask.sum(dim=1, keepdim=True).clamp(min=1))


def fixed_length_mean(mask: Tensor, *, max_length: int) -> Tensor:
    """Every token weighs the same in every minibatch, however long the others: 1 / (B·max_length).

    Dr. GRPO: Liu et al. 2025, §3.2, https://arxiv.org/abs/2503.20783. [B, T] -> [B, T].
    """
    return mask / (len(mask) * max_length)


AGGREGATIONS: dict[str, Callable[..., Tensor]] = {
    "token": token_mean,
    "sequence": sequence_mean,
    "fixed_length": fixed_length_mean,
}


def token_weights(mask: Tensor, aggregation: str, *, max_length: int) -> Tensor:
    """What each token weighs in the loss of its minibatch, by the name of the aggregation.

    mask [B, T] of the *whole* minibatch -> [B, T], 0 where masked. max_length is the longest
    completion allowed, read by "fixed_length" only.
    """
    return AGGREGATIONS[aggregation](mask, max_length=max_length)
