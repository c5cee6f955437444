"""Drawing tokens from logits.

A completion's numbers come from its seed, and what it draws should be the same again on another
number of ranks or beside other rows, where logits differ in their last digit. Walking along the
cumulative distribution, such a digit moves the border of every token behind it; the largest of
noisy logits changes only where two of them are equal but for that digit.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 256
GAMMA, FIRST, SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
"""SplitMix64's constants, as signed numbers."""


@dataclass(frozen=True)
class Odds:
    """What a draw needs of logits, made in one pass over them; block b holds tokens 256·b + …"""

    weights: Tensor
    """[A, B, 256] float32: e^(logit − largest), 0 behind the vocabulary's end."""
    masses: Tensor
    """[A, B] float64: each block's sum of weights."""
    largest: Tensor
    """[A] the largest logit of each row."""

    @property
    def log_total(self) -> Tensor:
        """log Σ_v e^logit_v, float32: [A]."""
        return (self.largest + self.masses.sum(dim=-1).log()).float()

    def draw(self, uniforms: Tensor) -> Tensor:
        """Exact categorical draws, the largest of noisy logits: [A] -> [A].

            token = argmax_v logit_v + g_v,   g_v standard Gumbel numbers made of the uniform one

        Maddison et al. 2014, https://arxiv.org/abs/1411.0030. uniforms in [0, 1). First a block is
        drawn by its mass, then the token in it, so few of the noisy logits are ever made.
        """
        blocks = self.masses.shape[1]
        noise = gumbels(uniforms, blocks + BLOCK)
        block = (self.masses.log() + noise[:, :blocks]).argmax(dim=-1)
        inside = self.weights.gather(1, block[:, None, None].expand(-1, 1, BLOCK))[:, 0]
        within = (inside.double().log() + noise[:, blocks:]).argmax(dim=-1)
        return block * BLOCK + within


def gumbels(uniforms: Tensor, count: int) -> Tensor:
    """Standard Gumbel numbers from one uniform number each: [A] -> [A, count], float64.

    −log(−log u) of the numbers u that SplitMix64 gives when it begins at the number's 53 bits:
    Steele, Lea & Flood 2014, https://doi.org/10.1145/2714064.2660195.
    """
    begin = (uniforms.double() * 2**53).long()
    steps = torch.arange(1, count + 1, device=uniforms.device) * GAMMA
    mixed = begin[:, None] + steps
    mixed = (mixed ^ _shifted(mixed, 30)) * FIRST
    mixed = (mixed ^ _shifted(mixed, 27)) * SECOND
    mixed = mixed ^ _shifted(mixed, 31)
    between = (_shifted(mixed, 12).double() + 0.5) * 2.0**-52  # 52 bits: never 0, never 1
    return -(-between.log()).log()


def _shifted(x: Tensor, bits: int) -> Tensor:
    """To the right, zeros from the left: int64 as if it had no sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def odds(logits: Tensor) -> Odds:
    """Logits [A, V], of any precision, as odds; −inf is a token that is never drawn."""
    rows, vocabulary = logits.shape
    largest = logits.amax(dim=-1).float()
    weights = logits.to(torch.float32, copy=True).sub_(largest[:, None]).exp_()
    if vocabulary % BLOCK:
        weights = torch.nn.functional.pad(weights, (0, -vocabulary % BLOCK))
    weights = weights.view(rows, -1, BLOCK)
    return Odds(weights, weights.sum(dim=-1).double(), largest)


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
