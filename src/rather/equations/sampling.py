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
NEAR = 1 << 21
"""Numbers that are worked on at once, 8 MiB: fewer, and cores wait for each other more often."""
GAMMA, FIRST, SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
"""SplitMix64's constants, as signed numbers."""


@dataclass(frozen=True)
class Odds:
    """What draws need of logits, made in one pass over them; block b holds tokens 256·b + …"""

    logits: Tensor
    """[A, V] as they were given."""
    temperatures: Tensor | None
    """[A] what they are divided by; None for 1."""
    masses: Tensor
    """[A, B] float64: each block's sum of e^(logit − largest)."""
    largest: Tensor
    """[A] the largest logit of each row."""

    @property
    def log_total(self) -> Tensor:
        """log Σ_v e^logit_v, float32: [A]."""
        return (self.largest + self.masses.sum(dim=-1).log()).float()

    def of(self, tokens: Tensor) -> Tensor:
        """Logits of tokens, divided by the temperature, float32: [A, n] -> [A, n]."""
        return _divided(self.logits.gather(1, tokens).float(), self.temperatures)

    def rows(self, places: list[int]) -> Tensor:
        """Logits of some rows, divided by the temperature, float32: [n, V]."""
        own = None if self.temperatures is None else self.temperatures[places]
        return _divided(self.logits[places].float(), own)

    def draw(self, uniforms: Tensor) -> Tensor:
        """Exact categorical draws, the largest of noisy logits: [A] -> [A].

            token = argmax_v logit_v + g_v,   g_v standard Gumbel numbers made of the uniform one

        Maddison et al. 2014, https://arxiv.org/abs/1411.0030. uniforms in [0, 1). First a block is
        drawn by its mass, then the token in it, so few of the noisy logits are ever made.
        """
        blocks, vocabulary = self.masses.shape[1], self.logits.shape[1]
        noise = gumbels(uniforms, blocks + BLOCK)
        block = (self.masses.log() + noise[:, :blocks]).argmax(dim=-1)
        tokens = block[:, None] * BLOCK + torch.arange(BLOCK, device=block.device)
        inside = self.of(tokens.clamp(max=vocabulary - 1)).double()
        inside.masked_fill_(tokens >= vocabulary, float("-inf"))
        within = (inside + noise[:, blocks:]).argmax(dim=-1)
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


def _divided(logits: Tensor, temperatures: Tensor | None) -> Tensor:
    return logits if temperatures is None else logits / temperatures[:, None]


def _shifted(x: Tensor, bits: int) -> Tensor:
    """To the right, zeros from the left: int64 as if it had no sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def odds(logits: Tensor, temperatures: Tensor | None = None) -> Odds:
    """Logits [A, V], of any precision, as odds; −inf is a token that is never drawn.

    temperatures [A], above 0, divide them. On a CPU some rows at a time are worked on in a room
    of their own, which stays near; a copy of all rows would be fetched from afar for every step.
    """
    rows, vocabulary = logits.shape
    at_once = max(1, NEAR // vocabulary) if logits.device.type == "cpu" else rows
    width = -(-vocabulary // BLOCK) * BLOCK
    room = logits.new_zeros(min(rows, at_once), width, dtype=torch.float32)
    masses = logits.new_empty(rows, width // BLOCK, dtype=torch.float64)
    largest = logits.new_empty(rows, dtype=torch.float32)
    for start in range(0, rows, at_once):
        part = slice(start, min(start + at_once, rows))
        weights = room[: part.stop - start]
        known = weights[:, :vocabulary].copy_(logits[part])
        if temperatures is not None:
            known.div_(temperatures[part, None])
        torch.amax(known, dim=-1, out=largest[part])
        known.sub_(largest[part, None]).exp_()
        masses[part] = weights.view(len(weights), -1, BLOCK).sum(dim=-1)
    return Odds(logits, temperatures, masses, largest)


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
