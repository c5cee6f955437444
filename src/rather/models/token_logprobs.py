"""Log-probabilities of given tokens from hidden states, without ever holding all logits.

Tokens go through the head a chunk at a time, and a frozen head is gone through a part of its
vocabulary at a time (`_read`): no logit is rounded where products are made in float32, and what is
worked on stays near. The gradient is made in the forward pass, of the shares that are at hand:

    ∂ log π(y) / ∂h = (W_y − Σ_v π(v)·W_v) / τ

so the backward pass multiplies by a number a token, and no logit is computed twice. A head that
learns too (tuning: full) or caps its logits is checkpointed instead: chunks are computed again.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from rather.equations.logprobs import gather_logprobs
from rather.models.backbone import Backbone
from rather.models.processor import products
from rather.models.processor.kernels import kernel

CHUNK = 384  # tokens whose probabilities live at once


def token_logprobs(backbone: Backbone, states: Tensor, ids: Tensor, temperature: float) -> Tensor:
    """log π of tokens `ids` [M], each predicted from its state [M, d] -> [M], float32."""
    num_chunks = max(1, -(-len(ids) // CHUNK))
    chunks = zip(states.tensor_split(num_chunks), ids.tensor_split(num_chunks), strict=True)
    return torch.cat([_chunk(backbone, *chunk, temperature) for chunk in chunks])


def _chunk(backbone: Backbone, states: Tensor, ids: Tensor, temperature: float) -> Tensor:
    needs_gradient = torch.is_grad_enabled() and states.requires_grad
    if backbone.head_is_linear_and_frozen:
        weight: Tensor = backbone.head.weight  # type: ignore[assignment]
        if not needs_gradient:
            return _read(states, weight, ids, temperature).logprobs
        made: Tensor = _FrozenHead.apply(states, weight, ids, temperature)  # type: ignore[no-untyped-call]
        return made

    def compute(states: Tensor) -> Tensor:
        return gather_logprobs(backbone.logits(states), ids, temperature=temperature)

    result: Tensor = (
        checkpoint(compute, states, use_reentrant=False) if needs_gradient else compute(states)
    )
    return result


@kernel
def _weights(
    logits: Tensor, largest: Tensor, temperature: float, kind: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """e^(z/τ − largest) of a part [M, part], rounded, its sum and the largest z/τ so far, [M]."""
    scaled = logits.float() / temperature
    largest = torch.maximum(largest, scaled.amax(dim=-1))
    weights = scaled.sub_(largest[:, None]).exp_()
    return weights.to(kind), weights.sum(dim=-1), largest


class _Reading(NamedTuple):
    """What a head says of some tokens; π of a part of the vocabulary is weights · shares."""

    logprobs: Tensor
    """[M]"""
    weights: list[Tensor]
    """[M, part] of each part, if kept."""
    shares: list[Tensor]
    """[M] of each part."""


def _read(
    states: Tensor, weight: Tensor, ids: Tensor, temperature: float, *, keep: bool = False
) -> _Reading:
    """A frozen head's log π of tokens [M], in one pass over the parts of its vocabulary.

    With and without gradients alike, or PPO's first ratio would not be exactly 1.
    What was summed is put right when something larger comes: Milakov & Gimelshein 2018,
    Algorithm 3, https://arxiv.org/abs/1805.02867.
    """
    own = total = states.new_zeros(len(ids), dtype=torch.float32)
    largest = torch.full_like(own, float("-inf"))
    kept: list[Tensor] = []
    seen: list[Tensor] = []
    for part, logits in products.parts_of(states, weight):
        place = (ids - part.start).clamp(0, logits.shape[1] - 1)
        is_here = place == ids - part.start
        found = logits.gather(1, place[:, None])[:, 0].float() / temperature
        own = torch.where(is_here, found, own)
        before = largest
        weights, mass, largest = _weights(logits, before, temperature, logits.dtype)
        total = torch.addcmul(mass, total, (before - largest).exp_())
        seen.append(largest)
        kept += [weights] if keep else []
    log_total = largest + total.log_()
    return _Reading(own - log_total, kept, [(one - log_total).exp_() for one in seen])


class _FrozenHead(torch.autograd.Function):
    """Log-probabilities under a frozen linear head, their gradient made in the forward."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, ids: Tensor, temperature: float
    ) -> Tensor:
        said = _read(states, weight, ids, temperature, keep=True)
        expected = torch.zeros_like(states, dtype=torch.float32)
        parts = zip(products.parts(weight), said.weights, said.shares, strict=True)
        for part, weights, share in parts:
            expected.addcmul_(products.of_part(weights, weight[part]), share[:, None])
        slope = (weight[ids] - expected).div_(temperature)
        ctx.save_for_backward(slope.to(states.dtype))
        return said.logprobs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return (grads[0][:, None] * slope).to(slope.dtype), None, None, None
