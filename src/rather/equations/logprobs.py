"""Log-probabilities of given tokens."""

import torch
from torch import Tensor


def gather_logprobs(logits: Tensor, ids: Tensor, *, temperature: float = 1.0) -> Tensor:
    """log softmax(logits / temperature) at the given tokens, in float32.

        log π(y) = z_y/τ − log Σ_v exp(z_v/τ)

    At the temperature that is sampled with, everywhere: Huang et al. 2024,
    https://arxiv.org/abs/2403.17031. logits [M, V], ids [M] -> [M].
    """
    assert logits.shape[:1] == ids.shape
    scaled = logits.float() / temperature
    chosen: Tensor = scaled.gather(1, ids[:, None])[:, 0] - scaled.logsumexp(dim=-1)
    return chosen


def masked_sum(values: Tensor, mask: Tensor) -> Tensor:
    """Sum over the last axis where the mask is True: [B, T], [B, T] -> [B]."""
    return torch.where(mask, values, 0.0).sum(dim=-1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of all values where the mask is True: [B, T], [B, T] -> scalar."""
    return torch.where(mask, values, 0.0).sum() / mask.sum()
