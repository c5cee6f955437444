"""Kahneman–Tversky optimisation: learning from thumbs up and thumbs down, without pairs."""

import torch
from torch import Tensor


def kl_baseline(mismatched_log_ratios: Tensor) -> Tensor:
    """z₀, the point from which a completion counts as gain or loss: max(0, mean log π/π_ref).

    The log-ratios are of completions to *other* prompts of the same batch, a rough estimate of the
    divergence from the reference; no gradient flows back. Ethayarajh et al. 2024,
    https://arxiv.org/abs/2402.01306. [M], M ≥ 1 -> scalar.
    """
    return mismatched_log_ratios.detach().mean().clamp(min=0)


def kto(
    log_ratios: Tensor,
    is_desirable: Tensor,
    baseline: Tensor | float,
    *,
    beta: float,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """How far a completion is from being judged rightly, with r = log π(y) − log π_ref(y).

        L = λ_D·(1 − σ(β·(r − z₀))) if y is desirable, λ_U·(1 − σ(β·(z₀ − r))) if not

    Ethayarajh et al. 2024, Eq. 7, https://arxiv.org/abs/2402.01306. They advise (Eq. 8)
    λ_D·(number of desirable) between 1 and 4/3 times λ_U·(number of undesirable).
    log_ratios [M], is_desirable [M] (bool), baseline scalar -> [M].
    """
    assert log_ratios.shape == is_desirable.shape
    gain = beta * (log_ratios - baseline)
    return torch.where(  # 1 − σ(x) = σ(−x)
        is_desirable,
        desirable_weight * (-gain).sigmoid(),
        undesirable_weight * gain.sigmoid(),
    )
