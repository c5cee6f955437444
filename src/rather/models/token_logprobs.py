"""Log-probabilities of given tokens from hidden states, without ever holding all logits.

Tokens go through the head a chunk at a time. Where the head is frozen, the gradient is made in the
forward pass, while a chunk's probabilities are at hand:

    ∂ log π(y) / ∂h = (W_y − Σ_v π(v)·W_v) / τ

so the backward pass multiplies by a number a token, and no logit is computed twice. A head that
learns too (tuning: full) or caps its logits is checkpointed instead: chunks are computed again.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rather.equations.logprobs import gather_logprobs
from rather.models.backbone import Backbone
from rather.models.processor.kernels import kernel
from rather.models.processor.products import many_inputs

CHUNK = 256  # tokens whose logits live at once


def token_logprobs(backbone: Backbone, states: Tensor, ids: Tensor, temperature: float) -> Tensor:
    """log π of tokens `ids` [M], each predicted from its state [M, d] -> [M], float32."""
    parts = [
        _chunk(backbone, states[i : i + CHUNK], ids[i : i + CHUNK], temperature)
        for i in range(0, len(ids), CHUNK)
    ]
    return torch.cat(parts)


def _chunk(backbone: Backbone, states: Tensor, ids: Tensor, temperature: float) -> Tensor:
    def compute(states: Tensor) -> Tensor:
        return gather_logprobs(backbone.logits(states), ids, temperature=temperature)

    if not (torch.is_grad_enabled() and states.requires_grad):
        return compute(states)
    if backbone.head_is_linear_and_frozen:
        made: Tensor = _FrozenHead.apply(states, backbone.head, ids, temperature)  # type: ignore[no-untyped-call]
        return made
    result: Tensor = checkpoint(compute, states, use_reentrant=False)
    return result


@kernel
def _probs_and_logprobs(logits: Tensor, ids: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """π of all tokens [M, V], in the logits' precision, and log π of the given ones [M]."""
    # as `gather_logprobs` rounds, or PPO's first ratio is not exactly 1
    scaled = logits.float() / temperature
    total = scaled.logsumexp(dim=-1, keepdim=True)
    logprobs = (scaled.gather(1, ids[:, None]) - total)[:, 0]
    return (scaled - total).exp().to(logits.dtype), logprobs


class _FrozenHead(torch.autograd.Function):
    """Log-probabilities under a frozen linear head, their gradient made in the forward."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, head: nn.Linear, ids: Tensor, temperature: float
    ) -> Tensor:
        logits = head(states)
        probs, logprobs = _probs_and_logprobs(logits, ids, temperature)
        expected = many_inputs(probs, head.weight)
        ctx.save_for_backward((head.weight[ids] - expected) / temperature)
        return logprobs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return (grads[0][:, None] * slope).to(slope.dtype), None, None, None
