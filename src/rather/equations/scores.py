"""What happens to scores before they become rewards: ensembles, penalties, limits, one scale."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def mean(scores: Tensor, *, std_coefficient: float) -> Tensor:
    """The members' mean: 1/k·Σ_i r_i. [k, B] -> [B].

    Coste et al. 2023, https://arxiv.org/abs/2310.02743.
    """
    return scores.mean(dim=0)


def minimum(scores: Tensor, *, std_coefficient: float) -> Tensor:
    """The most doubtful member: min_i r_i, "worst-case optimisation". [k, B] -> [B].

    Coste et al. 2023, https://arxiv.org/abs/2310.02743.
    """
    return scores.amin(dim=0)


def mean_minus_std(scores: Tensor, *, std_coefficient: float) -> Tensor:
    """The mean less c times the members' disagreement: mean_i r_i − c·std_i r_i. [k, B] -> [B].

    Eisenstein et al. 2023, https://arxiv.org/abs/2312.09244 (Coste et al. 2023 take the variance,
    which has not the unit of a score). Biased std, so a single member is its own mean.
    """
    return scores.mean(dim=0) - std_coefficient * scores.std(dim=0, correction=0)


ENSEMBLES: dict[str, Callable[..., Tensor]] = {
    "mean": mean,
    "minimum": minimum,
    "mean_minus_std": mean_minus_std,
}


def length_penalty(lengths: Tensor, *, coefficient: float, free_length: int) -> Tensor:
    """What to subtract from a long completion's score: c·max(0, |y| − free). [B] -> [B], ≥ 0.

    Singhal et al. 2023, https://arxiv.org/abs/2310.03716, show how much of a reward is length.
    """
    return coefficient * (lengths - free_length).clamp(min=0)


def missing_eos(scores: Tensor, stopped: Tensor, *, penalty: float) -> Tensor:
    """Subtract the penalty from the score of a completion that did not stop by itself.

    As TRL does; Huang et al. 2024, https://arxiv.org/abs/2403.17031, replace the score by −1, which
    hides how bad the text was.
    scores [B], stopped [B] (bool: it ended in a stop token) -> [B].
    """
    return torch.where(stopped, scores, scores - penalty)


def clip(scores: Tensor, *, limit: float) -> Tensor:
    """Hold scores within ±limit. [B] -> [B].

    Engstrom et al. 2020, https://arxiv.org/abs/2005.12729, count it among what makes PPO work.
    """
    return scores.clamp(-limit, limit)


class Moments(NamedTuple):
    """Scores seen so far, as three numbers; `Moments()` has seen none."""

    num_scores: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    """Σ (r − mean)²: the variance is squares / num_scores."""


def merge(moments: Moments, scores: Tensor) -> Moments:
    """The moments of what was seen and these scores together, without seeing the former again.

        n = n_a + n_b,   δ = mean_b − mean_a
        mean = mean_a + δ·n_b/n,   M = M_a + M_b + δ²·n_a·n_b/n

    Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115.
    scores [B], in float64 here -> moments; no scores change nothing.
    """
    if scores.numel() == 0:
        return moments
    new = scores.detach().double()
    new_mean = float(new.mean())
    new_squares = float(((new - new_mean) ** 2).sum())
    count = moments.num_scores + new.numel()
    delta = new_mean - moments.mean
    return Moments(
        num_scores=count,
        mean=moments.mean + delta * new.numel() / count,
        squares=moments.squares + new_squares + delta**2 * moments.num_scores * new.numel() / count,
    )


def standardize(scores: Tensor, moments: Moments) -> Tensor:
    """Scores on the scale of all that were seen: (r − mean) / √(variance + 1e-8). [B] -> [B].

    Biased variance, as in `advantages.whiten`; before anything was seen, the scores as they are.
    Zheng et al. 2023, §5.3, https://arxiv.org/abs/2307.04964, then clip (`clip`).
    """
    if moments.num_scores == 0:
        return scores
    return (scores - moments.mean) / math.sqrt(moments.squares / moments.num_scores + 1e-8)
