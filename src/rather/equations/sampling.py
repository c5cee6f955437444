"""Drawing tokens from logits."""

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 256


@dataclass(frozen=True)
class Odds:
    """What a draw needs of logits, made in one pass over them; block b holds tokens 256·b + …"""

    weights: Tensor
    """[A, B, 256] float32: e^(logit − largest), 0 behind the vocabulary's end."""
    cumulative: Tensor
    """[A, B] float64: the weights' sum up to the end of each block."""
    largest: Tensor
    """[A] the largest logit of each row."""

    @property
    def log_total(self) -> Tensor:
        """log Σ_v e^logit_v, float32: [A]."""
        return (self.largest + self.cumulative[:, -1].log()).float()

    def draw(self, uniforms: Tensor) -> Tensor:
        """Exact categorical draws by inverting the cumulative distribution: [A] -> [A].

            token = min { v : Σ_{w ≤ v} softmax(logits)_w > u }

        uniforms in [0, 1). First the block is found, then the token in it, so the full cumulative
        sum is never made.
        """
        target = uniforms.double() * self.cumulative[:, -1]
        block = torch.searchsorted(self.cumulative, target[:, None], right=True)
        block = block.clamp(max=self.cumulative.shape[1] - 1)
        ends = self.cumulative.gather(1, block)
        before = torch.where(block > 0, self.cumulative.gather(1, (block - 1).clamp(min=0)), 0.0)
        inside = self.weights.gather(1, block[..., None].expand(-1, 1, BLOCK))[:, 0]
        inside = inside.cumsum(dim=-1, dtype=torch.float64)
        # the two levels are rounded differently: a share of the block, below its last real weight
        share = ((target[:, None] - before) / (ends - before)).clamp(max=1 - 1e-12)
        within = torch.searchsorted(inside, share * inside[:, -1:], right=True)
        return (block * BLOCK + within.clamp(max=BLOCK - 1))[:, 0]


def odds(logits: Tensor) -> Odds:
    """Logits [A, V], of any precision, as odds; −inf is a token that is never drawn."""
    rows, vocabulary = logits.shape
    largest = logits.amax(dim=-1).float()
    weights = logits.to(torch.float32, copy=True).sub_(largest[:, None]).exp_()
    if vocabulary % BLOCK:
        weights = torch.nn.functional.pad(weights, (0, -vocabulary % BLOCK))
    weights = weights.view(rows, -1, BLOCK)
    return Odds(weights, weights.sum(dim=-1).double().cumsum(dim=-1), largest)


def filter_top_p(logits: Tensor, top_p: Tensor) -> Tensor:
    """Keep the smallest set of tokens whose probability reaches `top_p`; others become −inf.

    Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", Eq. 2,
    https://arxiv.org/abs/1904.09751. logits [A, V], top_p [A] -> [A, V].
    """
    ordered, order = logits.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(dim=-1)
    reached_before = probabilities.cumsum(dim=-1) - probabilities >= top_p[:, None]
    reached_before &= (top_p < 1)[:, None]  # at 1 the sum may round to 1 before the last token
    return logits.scatter(1, order, ordered.masked_fill(reached_before, float("-inf")))
