"""What a comparison says about scores: Bradley–Terry, its ties, and Plackett–Luce."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

RAO_KUPPER_THRESHOLD = math.log(2.0)
"""η of Rao–Kupper: equal scores then tie with probability 1/3, like Davidson's ν = 1."""


def bradley_terry(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Loss of preferring `chosen`, for each pair: −log σ(r_w − r_l).

    Bradley & Terry 1952; Ouyang et al. 2022, Eq. 1, https://arxiv.org/abs/2203.02155.
    [M], [M] -> [M].
    """
    return -logsigmoid(chosen - rejected)


def preferred(
    win: Callable[[Tensor, Tensor], Tensor],
    chosen: Tensor,
    rejected: Tensor,
    *,
    margin: Tensor | float = 0.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Loss of a win that should be a clear one, and may be a mistake, for each pair.

        L = (1−ε)·win(r_w − m, r_l) + ε·win(r_l, r_w − m)

    `win` is a win's loss in this file. With `bradley_terry` and z = r_w − r_l − m it is
    −(1−ε)·log σ(z) − ε·log σ(−z): the margin m of Touvron et al. 2023, Eq. 2,
    https://arxiv.org/abs/2307.09288, and the label smoothing ε of Wang et al. 2024,
    https://arxiv.org/abs/2401.06080. chosen, rejected [M], margin [M] or a number -> [M].
    """
    leading = chosen - margin
    kept, flipped = win(leading, rejected), win(rejected, leading)
    return (1 - label_smoothing) * kept + label_smoothing * flipped


def davidson_win(chosen: Tensor, rejected: Tensor, *, nu: float = 1.0) -> Tensor:
    """Loss of a win where ties are possible, for each pair.

        P(w ≻ l) = e^{r_w} / (e^{r_w} + e^{r_l} + ν·e^{(r_w + r_l)/2})

    Davidson 1970, https://doi.org/10.1080/01621459.1970.10481082. [M], [M] -> [M].
    """
    return _davidson_total(chosen, rejected, nu) - chosen


def davidson_tie(first: Tensor, second: Tensor, *, nu: float = 1.0) -> Tensor:
    """Loss of a tie, for each pair: −log of ν·e^{(r₁ + r₂)/2} over `davidson_win`'s total.

    Davidson 1970, as above. [M], [M] -> [M].
    """
    return _davidson_total(first, second, nu) - (first + second) / 2 - math.log(nu)


def _davidson_total(first: Tensor, second: Tensor, nu: float) -> Tensor:
    """log(e^{r₁} + e^{r₂} + ν·e^{(r₁+r₂)/2})."""
    middle = (first + second) / 2 + math.log(nu)
    return torch.stack([first, second, middle]).logsumexp(dim=0)


def rao_kupper_win(
    chosen: Tensor, rejected: Tensor, *, threshold: float = RAO_KUPPER_THRESHOLD
) -> Tensor:
    """Loss of a win when differences below a threshold read as ties: −log σ(r_w − r_l − η).

    Rao & Kupper 1967, https://doi.org/10.1080/01621459.1967.10482901. [M], [M] -> [M].
    """
    return -logsigmoid(chosen - rejected - threshold)


def rao_kupper_tie(
    first: Tensor, second: Tensor, *, threshold: float = RAO_KUPPER_THRESHOLD
) -> Tensor:
    """Loss of a tie: −log[(e^{2η} − 1)·σ(r₁ − r₂ − η)·σ(r₂ − r₁ − η)].

    Rao & Kupper 1967, as above. [M], [M] -> [M].
    """
    difference = first - second
    return (
        -math.log(math.expm1(2 * threshold))
        - logsigmoid(difference - threshold)
        - logsigmoid(-difference - threshold)
    )


def plackett_luce(scores: Tensor, ranks: Tensor) -> Tensor:
    """Loss of one ranking: the best is chosen first, then the best of the rest, and so on.

        −Σ_k [ r_k − log Σ_{j : rank_j ≥ rank_k} e^{r_j} ],  without the term of the last place

    Plackett 1975; Luce 1959; ties by Breslow's rule: tied items share the denominator of their
    place (Breslow 1974, https://doi.org/10.2307/2529620). That is no distribution over rankings
    with ties, as Davidson–Luce is, but needs no further parameter, and still draws scores that tie
    above the last place together. scores [K], ranks [K] (1 = best) -> scalar. A pair without a tie
    gives Bradley–Terry exactly; all tied gives no information: 0.
    """
    assert scores.shape == ranks.shape
    rest = ranks[None, :] >= ranks[:, None]
    totals = scores.expand(len(scores), -1).masked_fill(~rest, float("-inf")).logsumexp(dim=1)
    return torch.where(ranks < ranks.max(), totals - scores, 0.0).sum()
