"""PPO's losses, `policy_loss` and `value_loss`: sums, to be divided by a global token count."""

from typing import NamedTuple

import torch
from torch import Tensor


class PolicyLoss(NamedTuple):
    """The clipped surrogate and what it did; all scalars, summed over real tokens."""

    loss: Tensor
    clipped: Tensor
    """Tokens whose clipped term was the larger one."""
    approx_kl: Tensor
    """Σ ½·(log π − log π_old)², Schulman's k2 (http://joschu.net/blog/kl-approx.html)."""
    ratio: Tensor
    """Σ π / π_old."""


def policy_loss(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, mask: Tensor, *, clip_range: float
) -> PolicyLoss:
    """PPO's clipped surrogate, summed over completion tokens.

        ρ = π/π_old,   L = Σ max(−A·ρ, −A·clip(ρ, 1−ε, 1+ε))

    Schulman et al. 2017, Eq. 7, https://arxiv.org/abs/1707.06347. All [B, T].
    """
    assert logprobs.shape == old_logprobs.shape == advantages.shape == mask.shape
    difference = torch.where(mask, logprobs - old_logprobs, 0.0)
    ratio = difference.exp()
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip_range, 1 + clip_range)
    return PolicyLoss(
        loss=torch.where(mask, torch.maximum(plain, clipped), 0.0).sum(),
        clipped=((clipped > plain) & mask).sum(),
        approx_kl=0.5 * (difference**2).sum(),
        ratio=torch.where(mask, ratio, 0.0).sum(),
    )


class ValueLoss(NamedTuple):
    """The clipped squared error; scalars, summed over real tokens."""

    loss: Tensor
    clipped: Tensor


def value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, *, value_clip_range: float
) -> ValueLoss:
    """Squared error to the returns, where the value may move by the clip range only.

        L = ½ Σ max((V − R)², (clip(V, V_old ± ε) − R)²)

    Schulman et al. 2016's baselines code, as in Ziegler et al. 2019. All [B, T].
    """
    held = old_values + (values - old_values).clamp(-value_clip_range, value_clip_range)
    plain, clipped = (values - returns) ** 2, (held - returns) ** 2
    return ValueLoss(
        loss=0.5 * torch.where(mask, torch.maximum(plain, clipped), 0.0).sum(),
        clipped=((clipped > plain) & mask).sum(),
    )
