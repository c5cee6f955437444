"""From scores to advantages: the KL penalty a token, GAE, whitening."""

import torch
from torch import Tensor


def kl_penalized_rewards(
    scores: Tensor, logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, *, kl_coefficient: float
) -> Tensor:
    """Reward of each token: the KL penalty everywhere, the score on the last real token.

        r_t = −λ·(log π(y_t) − log π_ref(y_t)) + [t = last]·r_θ

    Ziegler et al. 2019, Eq. 2, https://arxiv.org/abs/1909.08593; Ouyang et al. 2022, Eq. 2.
    scores [B], the rest [B, T] -> [B, T].
    """
    rewards = -kl_coefficient * (logprobs - ref_logprobs) * mask
    last = mask.sum(dim=1, keepdim=True) - 1
    return rewards.scatter_add(1, last, scores[:, None].to(rewards.dtype))


def gae(
    token_rewards: Tensor, values: Tensor, mask: Tensor, *, discount: float, gae_lambda: float
) -> tuple[Tensor, Tensor]:
    """Generalized advantage estimation over completion tokens.

        δ_t = r_t + γ·V_{t+1} − V_t,   A_t = δ_t + γλ·A_{t+1},   V after the last token = 0

    Schulman et al. 2015, Eq. 16, https://arxiv.org/abs/1506.02438. All [B, T] -> advantages and
    returns A + V, both [B, T] and 0 where masked.
    """
    assert token_rewards.shape == values.shape == mask.shape
    advantages = torch.zeros_like(values)
    following = next_value = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = token_rewards[:, t] + discount * next_value - values[:, t]
        following = (delta + discount * gae_lambda * following) * mask[:, t]
        advantages[:, t] = following
        next_value = values[:, t] * mask[:, t]
    return advantages, (advantages + values) * mask


def whiten(values: Tensor, mask: Tensor, *, center_mean: bool) -> Tensor:
    """Scale to variance 1 over the mask; `center_mean` says whether the mean is taken away too.

    Biased variance, as in Ziegler et al. 2019's code. [B, T], [B, T] -> [B, T], 0 where masked.
    """
    count = mask.sum()
    mean = torch.where(mask, values, 0.0).sum() / count
    variance = torch.where(mask, (values - mean) ** 2, 0.0).sum() / count
    shifted = values - mean if center_mean else values
    return shifted * torch.rsqrt(variance + 1e-8) * mask
