"""Direct preference losses: one function a loss, and the dictionary that names them.

Each takes h = log-ratio margin of the pair, all [M]:

    h = [log π(y_w|x) − log π_ref(y_w|x)] − [log π(y_l|x) − log π_ref(y_l|x)]

with log-probabilities *summed* over completion tokens, and gives a loss [M].
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import logsigmoid, relu


def log_ratio_margin(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    """h of Rafailov et al. 2023, Eq. 7, https://arxiv.org/abs/2305.18290. All [M] -> [M]."""
    return (chosen - ref_chosen) - (rejected - ref_rejected)


def sigmoid(margin: Tensor, *, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """DPO: −(1−ε)·log σ(β·h) − ε·log σ(−β·h).

    Rafailov et al. 2023, Eq. 7, https://arxiv.org/abs/2305.18290; ε > 0 is conservative DPO
    (Mitchell 2023, https://ericmitchell.ai/cdpo.pdf, Eq. 3).
    """
    return -(1 - label_smoothing) * logsigmoid(beta * margin) - label_smoothing * logsigmoid(
        -beta * margin
    )


def ipo(margin: Tensor, *, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """IPO on summed log-probabilities: (1−ε)·(h − 1/(2β))² + ε·(h + 1/(2β))².

    Azar et al. 2023, Eq. 17, https://arxiv.org/abs/2310.12036 (their τ is β).
    """
    target = 1 / (2 * beta)
    return (1 - label_smoothing) * (margin - target) ** 2 + label_smoothing * (margin + target) ** 2


def hinge(margin: Tensor, *, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """SLiC's hinge on the log-ratios: (1−ε)·max(0, 1 − β·h) + ε·max(0, 1 + β·h).

    Zhao et al. 2023, Eq. 1, https://arxiv.org/abs/2305.10425, as in Liu et al. 2023 (RSO), Eq. 12,
    https://arxiv.org/abs/2309.06657.
    """
    return (1 - label_smoothing) * relu(1 - beta * margin) + label_smoothing * relu(
        1 + beta * margin
    )


LOSSES: dict[str, Callable[..., Tensor]] = {"sigmoid": sigmoid, "ipo": ipo, "hinge": hinge}
