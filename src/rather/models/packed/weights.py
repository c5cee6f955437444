"""Attention weights of a whole batch, what is made with them, and the gradient of that.

Plain batched products on the rectangles of `rather.models.packed.grids`. The gradient is written
out, so that a layer keeps its weights and nothing else, or not even those (`LARGE`), and a token is
moved by one look-up each way. With scores s = q·kᵀ, weights w = softmax(scale·s + mask) and output
o = w·v:

    ∂v = wᵀ·∂o,   ∂w = ∂o·vᵀ,   ∂s = scale·w ⊙ (∂w − Σ_keys ∂w ⊙ w),   ∂q = ∂s·k,   ∂k = ∂sᵀ·q

What a completion gives to its prompt and to itself are two products and one sum. Where a processor
is faster in float32 (`rather.models.processor.products`), all is computed in it between a look-up
and the next; weights are kept in the precision of q.

Shapes, of a block of rows: R rows, N completions a row, P and C the longest prompt and completion,
H key heads, G queries a key head, D head width. Queries of a group are folded into the length: P·G,
C·G.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rather.models.attention import Style
from rather.models.packed.grids import Block, Grid, Spread
from rather.models.processor import products
from rather.models.processor.kernels import kernel

Pair = tuple[Tensor, Tensor]
LARGE = 1 << 22
"""Attention weights of one layer (all heads) beyond which the backward pass makes them again
instead of keeping them: they grow with the square of the length, all else with the length."""


class Seen(NamedTuple):
    """Something of each query in a block and each key it may see."""

    prompt: Tensor
    """Of prompts and themselves: [R·H, P·G, P]."""
    on_prompt: Tensor
    """Of completions and their prompt: [R, H·N, C·G, P]."""
    own: Tensor
    """Of completions and themselves: [R, H·N, C·G, C]."""


class Sights(NamedTuple):
    """Who sees whom in a pass."""

    grid: Grid
    masks: Sequence[Seen]
    """Of each block, 0 where a query may look and −∞ elsewhere: [P·G, P], [R, 1, C·G, P] and
    [C·G, C]."""


def attended(sights: Sights, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
    """Without a gradient: q [S, H·G, D], k [S, H, D], v [S, H, E] -> [S, H·G, E]."""
    grid, kind = sights.grid, products.precision(q)
    made = _weights(sights, grid.spread(q, kind), grid.spread(k, kind), style, kind)
    return _weighted(grid, [used for used, _ in made], grid.spread(v, kind)).to(q.dtype)


class Attention(torch.autograd.Function):
    """`attended`, with its gradient."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, sights: Sights, style: Style) -> Tensor:
        grid, kind = sights.grid, products.precision(q)
        made = _weights(sights, grid.spread(q, kind), grid.spread(k, kind), style, q.dtype)
        parts = [part for _, kept in made for part in kept]
        is_kept = style.softcap is None and sum(part.numel() for part in parts) <= LARGE
        ctx.sights, ctx.style, ctx.kind = sights, style, kind
        ctx.save_for_backward(q, k, v, *(parts if is_kept else ()))
        return _weighted(grid, [used for used, _ in made], grid.spread(v, kind)).to(q.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, *parts = ctx.saved_tensors
        grid, style, kind = ctx.sights.grid, ctx.style, ctx.kind
        queries, keys = grid.spread(q, kind), grid.spread(k, kind)
        slopes: list[Seen] = []
        kept = [Seen(*parts[start : start + 3]) for start in range(0, len(parts), 3)]
        if not kept:
            made = _weights(ctx.sights, queries, keys, style, q.dtype, slopes)
            kept = [again for _, again in made]
        grad_out, values = grid.spread_gradient(grads[0], kind), grid.spread(v, kind)
        grad_v = _on_keys(grid, kept, grad_out)
        grad_weights = map(_scores, grid.blocks, grad_out, values)
        grad_scores = [
            _softmax_gradient(one, grad, style.scaling)
            for one, grad in zip(kept, grad_weights, strict=True)
        ]
        if slopes:
            grad_scores = list(map(_product, grad_scores, slopes))
        grad_q = _weighted(grid, grad_scores, keys)
        grad_k = _on_keys(grid, grad_scores, queries)
        return *(grad.to(q.dtype) for grad in (grad_q, grad_k, grad_v)), None, None


def _weights(
    sights: Sights,
    q: Sequence[Spread],
    k: Sequence[Spread],
    style: Style,
    kept: torch.dtype,
    slopes: list[Seen] | None = None,
) -> list[tuple[Seen, Seen]]:
    """Weights of each block in the precision of q, and as they are `kept`.

    `slopes` takes the derivative of a style's cap at every score.
    """
    made = []
    for block, mask, queries, keys in zip(sights.grid.blocks, sights.masks, q, k, strict=True):
        scores, scale = _scores(block, queries, keys), style.scaling
        if style.softcap is not None:
            scores, scale = Seen(*(style.cap(part * scale) for part in scores)), 1.0
            if slopes is not None:
                slopes.append(Seen(*(style.cap_slope(part) for part in scores)))
        prompts = _softmax(scores.prompt, mask.prompt, scale, kept)
        used, as_kept = _joint_softmax(*scores[1:], *mask[1:], scale, kept)
        made.append((Seen(prompts[0], *used), Seen(prompts[1], *as_kept)))
    return made


@kernel
def _softmax(
    scores: Tensor, mask: Tensor, scale: float, kept: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Over the last dimension; and once more in the precision in which it is kept."""
    made = torch.add(mask, scores, alpha=scale).softmax(dim=-1)
    return made, made.to(kept)


@kernel
def _joint_softmax(
    on_prompt: Tensor,
    own: Tensor,
    prompt_mask: Tensor,
    own_mask: Tensor,
    scale: float,
    kept: torch.dtype,
) -> tuple[Pair, Pair]:
    """Over the last dimensions of both: what a query gives away is 1 in all."""
    both = torch.cat(
        [
            torch.add(prompt_mask, on_prompt, alpha=scale),
            torch.add(own_mask, own, alpha=scale),
        ],
        dim=-1,
    ).softmax(dim=-1)
    first, second = _cut(both, on_prompt.shape[-1])
    return (first, second), (first.to(kept), second.to(kept))


@_joint_softmax.when_joined
def _joint_softmax_by_steps(
    on_prompt: Tensor,
    own: Tensor,
    prompt_mask: Tensor,
    own_mask: Tensor,
    scale: float,
    kept: torch.dtype,
) -> tuple[Pair, Pair]:
    """One after the other: side by side they would have to be copied first."""
    kind = own.dtype
    on_prompt, own = on_prompt.float() * scale + prompt_mask, own.float() * scale + own_mask
    largest = torch.maximum(on_prompt.amax(-1, keepdim=True), own.amax(-1, keepdim=True))
    on_prompt, own = (on_prompt - largest).exp(), (own - largest).exp()
    share = 1 / (on_prompt.sum(-1, keepdim=True) + own.sum(-1, keepdim=True))
    on_prompt, own = on_prompt * share, own * share
    return (on_prompt.to(kind), own.to(kind)), (on_prompt.to(kept), own.to(kept))


@kernel
def _gradient(weights: Tensor, grad: Tensor, scale: float) -> Tensor:
    """Of scores."""
    weights = weights.to(grad.dtype)
    return torch._softmax_backward_data(grad, weights, -1, grad.dtype).mul_(scale)


@kernel
def _joint_gradient(
    on_prompt: Tensor, own: Tensor, grad_prompt: Tensor, grad_own: Tensor, scale: float
) -> Pair:
    """Of scores of both."""
    weights = torch.cat([on_prompt, own], dim=-1).to(grad_own.dtype)
    grad = torch.cat([grad_prompt, grad_own], dim=-1)
    made = torch._softmax_backward_data(grad, weights, -1, grad.dtype).mul_(scale)
    return _cut(made, on_prompt.shape[-1])


@_joint_gradient.when_joined
def _joint_gradient_by_steps(
    on_prompt: Tensor, own: Tensor, grad_prompt: Tensor, grad_own: Tensor, scale: float
) -> Pair:
    """One after the other: side by side they would have to be copied first."""
    kind = grad_own.dtype
    on_prompt, own = on_prompt.float(), own.float()
    along = (on_prompt * grad_prompt).sum(-1, keepdim=True) + (own * grad_own).sum(-1, keepdim=True)
    pair = (grad_prompt - along) * on_prompt * scale, (grad_own - along) * own * scale
    return pair[0].to(kind), pair[1].to(kind)


def _cut(both: Tensor, place: int) -> Pair:
    return both[..., :place].contiguous(), both[..., place:].contiguous()


def _softmax_gradient(weights: Seen, grads: Seen, scale: float) -> Seen:
    joint = _joint_gradient(*weights[1:], *grads[1:], scale)
    return Seen(_gradient(weights.prompt, grads.prompt, scale), *joint)


def _scores(block: Block, q: Spread, k: Spread) -> Seen:
    """Products of every query with the keys in its sight."""
    with block.threads_for(q):
        on_prompt = block.beside_prompt(q.own) @ k.prompt.mT
        own = q.own @ k.own.mT
        both = (block.by_row(part, q.own) for part in (on_prompt, own))
        return Seen(q.prompt @ k.prompt.mT, *both)


def _weighted(grid: Grid, weights: Sequence[Seen], v: Sequence[Spread]) -> Tensor:
    """Sums of values by weights, collected: [S, H·G, E]."""
    width = v[0].prompt.shape[2]
    groups = weights[0].prompt.shape[1] // grid.blocks[0].longest_prompt
    outs, whole = grid.blank(v[0].prompt, groups, width)
    for block, by, values, out in zip(grid.blocks, weights, v, outs, strict=True):
        with block.threads_for(out):
            torch.bmm(by.prompt, values.prompt, out=out.prompt)
            beside = block.beside_prompt(by.on_prompt)
            torch.bmm(beside, values.prompt, out=block.beside_prompt(out.own))
            out.own.baddbmm_(block.by_completion(by.own, out.own), values.own)
    return grid.collect(whole, width)


def _on_keys(grid: Grid, weights: Sequence[Seen], x: Sequence[Spread]) -> Tensor:
    """Sums over the queries that see a key, by weights, collected: [S, H, D]."""
    width, kind = x[0].prompt.shape[2], x[0].prompt.dtype
    outs, whole = grid.blank(x[0].prompt, 1, width)
    for block, kept, queries, out in zip(grid.blocks, weights, x, outs, strict=True):
        by = Seen(*(part.to(kind) for part in kept))
        with block.threads_for(queries):
            torch.bmm(by.prompt.mT, queries.prompt, out=out.prompt)
            beside = block.beside_prompt(by.on_prompt)
            out.prompt.baddbmm_(beside.mT, block.beside_prompt(queries.own))
            torch.bmm(block.by_completion(by.own, queries.own).mT, queries.own, out=out.own)
    return grid.collect(whole, width)


def _product(one: Seen, other: Seen) -> Seen:
    return Seen(*(x * y for x, y in zip(one, other, strict=True)))
