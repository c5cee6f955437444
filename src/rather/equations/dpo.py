"""Direct preference losses: one function a loss, and the dictionary that names them.

Each takes a batch of `PairLogprobs` and gives a loss [M]; the scalars it takes beside beta stand in
its signature, where `settings_of` reads them. In the equations y_w is chosen, y_l is rejected,

    h = [log π(y_w) − log π_ref(y_w)] − [log π(y_l) − log π_ref(y_l)]     (`log_ratio_margin`)

with log-probabilities summed over completion tokens, and ε is the label smoothing.
"""

import inspect
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, relu

SUREST_MEAN = -1e-6
"""A mean log-probability that rounds to 0 has infinite odds; ORPO's odds stop here."""


class PairLogprobs(NamedTuple):
    """What the policy and the reference say of M pairs; all [M]."""

    chosen: Tensor
    """log π(y_w), summed over completion tokens."""
    rejected: Tensor
    ref_chosen: Tensor
    """log π_ref(y_w); losses in `REFERENCE_FREE` do not read the reference."""
    ref_rejected: Tensor
    chosen_length: Tensor
    """|y_w|, in tokens."""
    rejected_length: Tensor


def log_ratio_margin(pairs: PairLogprobs) -> Tensor:
    """h of Rafailov et al. 2023, Eq. 7, https://arxiv.org/abs/2305.18290. All [M] -> [M]."""
    return (pairs.chosen - pairs.ref_chosen) - (pairs.rejected - pairs.ref_rejected)


def sigmoid(pairs: PairLogprobs, *, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """DPO: −(1−ε)·log σ(β·h) − ε·log σ(−β·h).

    Rafailov et al. 2023, Eq. 7, https://arxiv.org/abs/2305.18290; ε > 0 is conservative DPO
    (Mitchell 2023, https://ericmitchell.ai/cdpo.pdf, Eq. 3). All [M] -> [M].
    """
    logits = beta * log_ratio_margin(pairs)
    return _smoothed(-logsigmoid(logits), -logsigmoid(-logits), label_smoothing)


def robust(pairs: PairLogprobs, *, beta: float, label_smoothing: float = 0.1) -> Tensor:
    """Robust DPO: [−(1−ε)·log σ(β·h) + ε·log σ(−β·h)] / (1 − 2ε).

    If a share ε of the labels is flipped, its mean is DPO's loss on the true ones; so ε < ½.
    Chowdhury et al. 2024, https://arxiv.org/abs/2403.00409. All [M] -> [M].
    """
    assert label_smoothing < 0.5
    logits = beta * log_ratio_margin(pairs)
    kept, flipped = -logsigmoid(logits), -logsigmoid(-logits)
    return ((1 - label_smoothing) * kept - label_smoothing * flipped) / (1 - 2 * label_smoothing)


def ipo(pairs: PairLogprobs, *, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """IPO on summed log-probabilities: (1−ε)·(h − 1/(2β))² + ε·(h + 1/(2β))².

    Azar et al. 2023, Eq. 17, https://arxiv.org/abs/2310.12036 (their τ is β). All [M] -> [M].
    """
    margin, target = log_ratio_margin(pairs), 1 / (2 * beta)
    return _smoothed((margin - target) ** 2, (margin + target) ** 2, label_smoothing)


def ipo_mean(pairs: PairLogprobs, *, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """IPO with each log-ratio divided by its completion's length, so that beta is per token.

        h̄ = [log π(y_w) − log π_ref(y_w)] / |y_w| − [log π(y_l) − log π_ref(y_l)] / |y_l|

    in the place of h in `ipo`: the reading the IPO authors confirmed to TRL, and TRL's "ipo"
    (https://huggingface.co/blog/pref-tuning). All [M] -> [M].
    """
    margin = _token_mean(pairs.chosen - pairs.ref_chosen, pairs.chosen_length) - _token_mean(
        pairs.rejected - pairs.ref_rejected, pairs.rejected_length
    )
    target = 1 / (2 * beta)
    return _smoothed((margin - target) ** 2, (margin + target) ** 2, label_smoothing)


def hinge(pairs: PairLogprobs, *, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """SLiC's hinge on the log-ratios: (1−ε)·max(0, 1 − β·h) + ε·max(0, 1 + β·h).

    Zhao et al. 2023 (SLiC-HF), https://arxiv.org/abs/2305.10425, on log-ratios as in Liu et al.
    2023 (RSO), https://arxiv.org/abs/2309.06657. All [M] -> [M].
    """
    logits = beta * log_ratio_margin(pairs)
    return _smoothed(relu(1 - logits), relu(1 + logits), label_smoothing)


def simpo(pairs: PairLogprobs, *, beta: float, target_margin: float = 0.5) -> Tensor:
    """SimPO, without a reference: −log σ(β·log π(y_w)/|y_w| − β·log π(y_l)/|y_l| − γ).

    γ is `target_margin` on the scale of the rewards, after beta, as in Meng et al. 2024, Eq. 6,
    https://arxiv.org/abs/2405.14734; their code's `gamma_beta_ratio` is γ/β. All [M] -> [M].
    """
    chosen = _token_mean(pairs.chosen, pairs.chosen_length)
    rejected = _token_mean(pairs.rejected, pairs.rejected_length)
    return -logsigmoid(beta * (chosen - rejected) - target_margin)


def orpo(pairs: PairLogprobs, *, beta: float) -> Tensor:
    """ORPO, without a reference: the chosen's NLL, and the odds ratio weighted by λ = beta.

        p(y) = exp(log π(y)/|y|),   odds = p / (1 − p)
        L = −log p(y_w) − λ·log σ(log odds(y_w) − log odds(y_l))

    Hong et al. 2024, Eq. 3–7, https://arxiv.org/abs/2403.07691. All [M] -> [M].
    """
    chosen = _token_mean(pairs.chosen, pairs.chosen_length)
    rejected = _token_mean(pairs.rejected, pairs.rejected_length)
    return -chosen - beta * logsigmoid(_log_odds(chosen) - _log_odds(rejected))


def dpo_positive(pairs: PairLogprobs, *, beta: float, dpop_coefficient: float = 50.0) -> Tensor:
    """DPO-positive: a chosen completion that falls below the reference costs extra.

        −log σ(β·(h − λ·max(0, log π_ref(y_w) − log π(y_w))))

    Pal et al. 2024 (Smaug), https://arxiv.org/abs/2402.13228; λ = `dpop_coefficient`,
    theirs is 50. All [M] -> [M].
    """
    fallen = relu(pairs.ref_chosen - pairs.chosen)
    return -logsigmoid(beta * (log_ratio_margin(pairs) - dpop_coefficient * fallen))


def apo_zero(pairs: PairLogprobs, *, beta: float) -> Tensor:
    """APO-zero: the chosen is lifted and the rejected lowered, each against the reference itself.

        L = 1 − σ(β·Δ_w) + σ(β·Δ_l),   Δ = log π(y) − log π_ref(y)

    D'Oosterlinck et al. 2024, §4, https://arxiv.org/abs/2408.06266. All [M] -> [M].
    """
    lifted = torch.sigmoid(beta * (pairs.chosen - pairs.ref_chosen))
    lowered = torch.sigmoid(beta * (pairs.rejected - pairs.ref_rejected))
    return 1 - lifted + lowered


LOSSES: dict[str, Callable[..., Tensor]] = {
    "sigmoid": sigmoid,
    "robust": robust,
    "ipo": ipo,
    "ipo_mean": ipo_mean,
    "hinge": hinge,
    "simpo": simpo,
    "orpo": orpo,
    "dpo_positive": dpo_positive,
    "apo_zero": apo_zero,
}
REFERENCE_FREE = frozenset({"simpo", "orpo"})


def settings_of(name: str) -> frozenset[str]:
    """The scalars the named loss takes: the keyword-only parameters of its signature."""
    parameters = inspect.signature(LOSSES[name]).parameters.values()
    return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def negative_log_likelihood(chosen: Tensor, chosen_length: Tensor) -> Tensor:
    """The term that may be added to a loss to hold the chosen up: −log π(y_w)/|y_w|.

    Pang et al. 2024 (iterative RPO), Eq. 1, https://arxiv.org/abs/2404.19733. [M], [M] -> [M].
    """
    return -_token_mean(chosen, chosen_length)


def length_desensitized_sum(
    logprobs: Tensor, mask: Tensor, public_length: Tensor, *, alpha: float
) -> Tensor:
    """LD-DPO's log π(y): tokens beyond the length both completions reach count α only.

        Σ_{t ≤ l_p} log π(y_t) + α·Σ_{t > l_p} log π(y_t),   l_p = min(|y_w|, |y_l|)

    Liu et al. 2024, https://arxiv.org/abs/2409.06411. α = 1 is DPO's sum, for the policy and
    the reference alike. logprobs, mask [M, T], public_length [M] -> [M].
    """
    public = mask.cumsum(dim=1) <= public_length[:, None]
    real = torch.where(mask, logprobs, 0.0)
    return torch.where(public, real, alpha * real).sum(dim=1)


def _smoothed(kept: Tensor, flipped: Tensor, label_smoothing: float) -> Tensor:
    """The expected loss if the label is wrong with probability ε."""
    return (1 - label_smoothing) * kept + label_smoothing * flipped


def _token_mean(total: Tensor, length: Tensor) -> Tensor:
    """The sum over the length; an empty completion's mean is 0."""
    return total / length.clamp(min=1)


def _log_odds(log_p: Tensor) -> Tensor:
    return log_p - (-torch.expm1(log_p.clamp(max=SUREST_MEAN))).log()
