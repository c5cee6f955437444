"""Kullback–Leibler divergence from samples, and the controllers that steer its coefficient.

The estimators take the log-probabilities of tokens drawn from π. With d = log π − log π_ref:

    name  value          as a value           its gradient, if it is used as a loss, is on average
    k1    d              unbiased, signed     0: it teaches nothing
    k2    ½·d²           biased, small noise  that of KL(π, π_ref) at the token
    k3    e^{−d} − 1 + d unbiased, never < 0  that of KL(π_ref, π): the other direction

so k1 belongs in the reward, where no gradient flows through it, and k2 in a loss. Even so a loss of
k2 at each token is not the penalty on whole completions: it does not see the divergence that an
early token brings about later, and settles elsewhere (`docs/known-truth.md`). Values: Schulman
2020, http://joschu.net/blog/kl-approx.html; gradients: Tang & Munos 2025,
https://arxiv.org/abs/2506.09477.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def k1(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Unbiased and signed: d = log π − log π_ref, elementwise.

    Schulman 2020, http://joschu.net/blog/kl-approx.html. Two of one shape -> that shape.
    """
    return logprobs - ref_logprobs


def k2(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Biased, never negative, and with the gradient of the divergence: ½·d², elementwise.

    Schulman 2020, http://joschu.net/blog/kl-approx.html. Two of one shape -> that shape.
    """
    return 0.5 * (logprobs - ref_logprobs) ** 2


def k3(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Unbiased and never negative: e^{−d} − 1 + d, elementwise; infinite where e^{−d} overflows.

    Schulman 2020, http://joschu.net/blog/kl-approx.html. Two of one shape -> that shape.
    """
    difference = logprobs - ref_logprobs
    return torch.expm1(-difference) + difference


ESTIMATORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"k1": k1, "k2": k2, "k3": k3}


def fixed_coefficient(
    coefficient: float, kl: float, *, target_kl: float, num_episodes: int, horizon: int = 10_000
) -> float:
    """The next KL coefficient: the same, whatever the divergence."""
    return coefficient


def adaptive_coefficient(
    coefficient: float, kl: float, *, target_kl: float, num_episodes: int, horizon: int = 10_000
) -> float:
    """The next KL coefficient: λ·(1 + clip(KL/target − 1, ±0.2)·n/horizon).

    Ziegler et al. 2019, §2.2, https://arxiv.org/abs/1909.08593. kl is that of whole completions, in
    nats; num_episodes is how many completions it was measured on.
    """
    error = min(max(kl / target_kl - 1, -0.2), 0.2)
    return coefficient * (1 + error * num_episodes / horizon)


CONTROLLERS: dict[str, Callable[..., float]] = {
    "fixed": fixed_coefficient,
    "adaptive": adaptive_coefficient,
}


def best_of_n_kl(n: int) -> float:
    """KL of taking the best of n samples, at most: log n − (n − 1)/n.

    Stiennon et al. 2020, appendix G.3, https://arxiv.org/abs/2009.01325; exact when no two samples
    are alike (Beirami et al. 2024, https://arxiv.org/abs/2401.01879).
    """
    return math.log(n) - (n - 1) / n
