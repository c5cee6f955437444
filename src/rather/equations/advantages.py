"""From scores to advantages: rewards per token, GAE with a critic, and ways to do without one."""

import torch
from torch import Tensor

GRPO_EPSILON = 1e-4
"""Added to a group's standard deviation: a group of equal rewards has advantages 0, not 0/0."""


def last_token(scores: Tensor, mask: Tensor) -> Tensor:
    """Each score on its completion's last real token, 0 elsewhere.

    scores [B], mask [B, T] -> [B, T]. An empty completion has no token to bear its score: 0.
    """
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = torch.where(mask, positions, -1).amax(dim=1, keepdim=True)
    return torch.where(positions == last, scores[:, None], 0.0)


def token_rewards(
    scores: Tensor, penalties: Tensor, mask: Tensor, *, kl_coefficient: float
) -> Tensor:
    """Reward of each token: the KL penalty everywhere, the score on the last real token.

        r_t = −λ·k_t + [t = last]·r_θ,   k_t = log π(y_t) − log π_ref(y_t), or another estimator

    Ziegler et al. 2019, Eq. 2, https://arxiv.org/abs/1909.08593; Ouyang et al. 2022, Eq. 2.
    Huang et al. 2024 (TL;DR, https://arxiv.org/abs/2403.17031) and TRL put it one slot later,
    past EOS. With a critic that says 0 there, each advantage loses one factor of GAE's λ: of a
    score of 2, at λ = 0.95, the fifth token from the end gets 1.629 here and 1.548 there. A critic
    that says the score itself there, as one made from the reward model does, makes both the same.
    scores [B], penalties and mask [B, T] -> [B, T], 0 where masked.
    """
    assert penalties.shape == mask.shape
    return last_token(scores, mask) - kl_coefficient * torch.where(mask, penalties, 0.0)


def gae(
    token_rewards: Tensor, values: Tensor, mask: Tensor, *, discount: float, gae_lambda: float
) -> tuple[Tensor, Tensor]:
    """Generalized advantage estimation over completion tokens.

        δ_t = r_t + γ·V_{t+1} − V_t,   A_t = δ_t + γλ·A_{t+1},   V after the last token = 0

    Schulman et al. 2015, Eq. 16, https://arxiv.org/abs/1506.02438. All [B, T] -> advantages and
    returns A + V, both [B, T] and 0 where masked.
    """
    assert token_rewards.shape == values.shape == mask.shape
    rewards, values = torch.where(mask, token_rewards, 0.0), torch.where(mask, values, 0.0)
    advantages = torch.zeros_like(values)
    following = next_value = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + discount * next_value - values[:, t]
        following = (delta + discount * gae_lambda * following) * mask[:, t]
        advantages[:, t] = following
        next_value = values[:, t]
    return advantages, advantages + values


def whiten(values: Tensor, mask: Tensor, *, center_mean: bool) -> Tensor:
    """Scale to variance 1 over the mask; `center_mean` says whether the mean is taken away too.

    Biased variance and 1e-8 under the root, as in Ziegler et al. 2019's code
    (https://github.com/openai/lm-human-preferences). [B, T], [B, T] -> [B, T], 0 where masked.
    """
    count = mask.sum()
    mean = torch.where(mask, values, 0.0).sum() / count
    variance = torch.where(mask, (values - mean) ** 2, 0.0).sum() / count
    shifted = values - mean if center_mean else values
    return torch.where(mask, shifted * torch.rsqrt(variance + 1e-8), 0.0)


def rloo(rewards: Tensor) -> Tensor:
    """REINFORCE leave-one-out: each reward against the mean of the others of its prompt.

        A_i = r_i − 1/(n−1)·Σ_{j≠i} r_j

    Ahmadian et al. 2024, https://arxiv.org/abs/2402.14740, after Kool et al. 2019. A reward is the
    score less the KL penalty of the whole completion. rewards [P, n], n ≥ 2 -> [P, n].
    """
    num_completions = rewards.shape[1]
    assert num_completions >= 2, "leaving one out leaves none"
    others = rewards.sum(dim=1, keepdim=True) - rewards
    return rewards - others / (num_completions - 1)


def grpo(rewards: Tensor, *, scale_by_std: bool) -> Tensor:
    """Group-relative: each reward against its prompt's mean, over the standard deviation or not.

        A_i = (r_i − mean(r)) / (std(r) + 1e-4)

    Shao et al. 2024, §4.1.2, https://arxiv.org/abs/2402.03300. They do not say which std: this is
    the sample's (n − 1), and the 1e-4 is added to it, as in TRL. Without `scale_by_std` there is no
    division: Dr. GRPO (Liu et al. 2025, §3.2, https://arxiv.org/abs/2503.20783), which no longer
    weighs prompts by how alike their rewards are. rewards [P, n], n ≥ 2 -> [P, n].
    """
    assert rewards.shape[1] >= 2, "a group of one has no spread"
    centered = rewards - rewards.mean(dim=1, keepdim=True)
    if not scale_by_std:
        return centered
    return centered / (rewards.std(dim=1, keepdim=True) + GRPO_EPSILON)


def returns_to_go(token_rewards: Tensor, mask: Tensor, *, discount: float) -> Tensor:
    """What a token still earns: G_t = r_t + γ·G_{t+1}. [B, T], [B, T] -> [B, T], 0 where masked.

    It is GAE at λ = 1 against a critic that says 0 (Schulman et al. 2015, Eq. 18).
    """
    no_critic = torch.zeros_like(token_rewards)
    return gae(token_rewards, no_critic, mask, discount=discount, gae_lambda=1.0)[0]


def reinforce_plus_plus(token_rewards: Tensor, mask: Tensor, *, discount: float) -> Tensor:
    """Returns to go, normalised over every token of the whole batch instead of each prompt's group.

        A_t = (G_t − mean(G)) / std(G)

    Hu 2025, https://arxiv.org/abs/2501.03262; the std is `whiten`'s. [B, T], [B, T] -> [B, T], 0
    where masked.
    """
    return whiten(returns_to_go(token_rewards, mask, discount=discount), mask, center_mean=True)
