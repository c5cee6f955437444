"""Kullback–Leibler divergence from samples, and the controller that steers its coefficient."""

import math

from torch import Tensor


def k1(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Unbiased and signed: log π − log π_ref, elementwise.

    Schulman 2020, http://joschu.net/blog/kl-approx.html.
    """
    return logprobs - ref_logprobs


def k3(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Unbiased and never negative: e^{−d} − 1 + d with d = log π − log π_ref, elementwise.

    Schulman 2020, http://joschu.net/blog/kl-approx.html.
    """
    difference = logprobs - ref_logprobs
    return (-difference).exp() - 1 + difference


def adaptive_coefficient(
    coefficient: float, kl: float, *, target_kl: float, num_episodes: int, horizon: int = 10_000
) -> float:
    """The next KL coefficient: λ·(1 + clip(KL/target − 1, ±0.2)·n/horizon).

    Ziegler et al. 2019, §2.2, https://arxiv.org/abs/1909.08593.
    """
    error = min(max(kl / target_kl - 1, -0.2), 0.2)
    return coefficient * (1 + error * num_episodes / horizon)


def best_of_n_kl(n: int) -> float:
    """KL of taking the best of n samples, at most: log n − (n − 1)/n.

    Stiennon et al. 2020, appendix G.3, https://arxiv.org/abs/2009.01325.
    """
    return math.log(n) - (n - 1) / n
