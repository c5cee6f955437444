"""Attention of a whole `Batch` at once: prompts causal, completions on their prompt and themselves.

Tokens are spread from the pack onto rectangles (`rather.models.packed.grids`), multiplied there
with plain batched products, and collected again; a prompt's keys are there once for all its
completions. The gradient is written out, so that a layer keeps its weights and nothing else, or
not even those (`LARGE`), and a token is moved by one look-up each way. With scores
s = (scale·q)·kᵀ, weights w = softmax(s + mask) and output o = w·v:

    ∂v = wᵀ·∂o,   ∂w = ∂o·vᵀ,   ∂s = w ⊙ (∂w − Σ_keys ∂w ⊙ w),   ∂q = scale·∂s·k,   ∂k = ∂sᵀ·scale·q

Shapes, of a block of rows: R rows, N completions a row, P and C the longest prompt and completion,
H key heads, G queries a key head, D head width. Queries of a group are folded into the length: P·G,
C·G.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from rather.data.batch import Batch
from rather.models.attention import Keeper, Style
from rather.models.packed.grids import Block, Grid, Spread, alike, grid_of
from rather.models.processor.kernels import kernel

LARGE = 1 << 22
"""Attention weights of one layer (all heads) beyond which the backward pass makes them again
instead of keeping them: they grow with the square of the length, all else with the length."""


class PackedLayout:
    """Who attends to whom in one pass over a batch."""

    def __init__(self, batch: Batch, keep: Keeper | None = None) -> None:
        """`keep` takes each layer's prompt keys and values, to decode from afterwards."""
        self.batch = batch
        self.keep = keep
        self.prompt_lengths = (batch.prompt_index < batch.num_tokens).sum(dim=1)
        self._grids: dict[int, Grid] = {}
        self._masks: dict[tuple[int, int | None, int], tuple[Tensor, Tensor]] = {}

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`."""
        grid = self.grid(k.shape[1])
        if self.keep is not None:
            shape = len(self.prompt_lengths), grid.heads, grid.blocks[0].longest_prompt, -1
            self.keep.add_prompt(layer, *(grid.spread(x)[0].prompt.view(shape) for x in (k, v)))
        if torch.is_grad_enabled():
            made: Tensor = _Attention.apply(q, k, v, self, style)  # type: ignore[no-untyped-call]
            return made
        weights = self.weights(grid, grid.spread(q * style.scaling), grid.spread(k), style)
        return _weighted(grid, weights, grid.spread(v))

    def grid(self, heads: int) -> Grid:
        """Where everything lies, for this number of key heads; made once a pass."""
        if heads not in self._grids:
            self._grids[heads] = grid_of(self.batch, heads, self._groups())
        return self._grids[heads]

    def weights(
        self,
        grid: Grid,
        q: Sequence[Spread],
        k: Sequence[Spread],
        style: Style,
        slopes: list[Spread] | None = None,
    ) -> list[Spread]:
        """Attention weights of each block: prompts [R·H, P·G, P], completions [R·H·N, C·G, P + C].

        `slopes` takes the derivative of a style's cap at every score.
        """
        made = []
        for number, block in enumerate(grid.blocks):
            scores = _scores(block, q[number], k[number])
            if style.softcap is not None:
                scores = Spread(*(style.cap(part) for part in scores))
                if slopes is not None:
                    slopes.append(Spread(*(style.cap_slope(part) for part in scores)))
            on_prompt, on_both = self._masks_of(grid, number, q[number], style)
            own = scores.own
            if block.longest:
                by_row = own.view(len(block.rows), -1, *own.shape[1:])
                own = _masked_softmax(by_row, on_both).view_as(own)
            made.append(Spread(_masked_softmax(scores.prompt, on_prompt), own))
        return made

    def _groups(self) -> Sequence[Sequence[int]]:
        """Rows that share a block. Whoever decodes wants all in one; a GPU would wait for this."""
        batch = self.batch
        if self.keep is not None or batch.prompt_index.device.type != "cpu":
            return [range(len(self.prompt_lengths))]
        completions = (batch.completion_index < batch.num_tokens).sum(dim=2)
        longest = completions.amax(dim=1) if completions.shape[1] else completions.sum(dim=1)
        return alike(self.prompt_lengths.tolist(), longest.tolist(), completions.shape[1])

    def _masks_of(self, grid: Grid, number: int, q: Spread, style: Style) -> tuple[Tensor, Tensor]:
        """0 where a query may look and −∞ elsewhere: [P·G, P] and [R, 1, C·G, P + C]."""
        block, device = grid.blocks[number], q.prompt.device
        groups = q.prompt.shape[1] // block.longest_prompt
        key = number, style.sliding_window, groups
        if key not in self._masks:
            before = torch.arange(block.longest_prompt, device=device)
            steps = torch.arange(block.longest, device=device)
            lengths = self.prompt_lengths[list(block.rows)][:, None, None]
            on_prompt = style.sees(lengths + steps[None, :, None], before) & (before < lengths)
            on_self = style.sees(steps[:, None], steps).expand(len(block.rows), -1, -1)
            allowed = style.sees(before[:, None], before), torch.cat([on_prompt, on_self], dim=-1)
            prompt, own = (
                torch.zeros(one.shape, dtype=q.prompt.dtype, device=device)
                .masked_fill_(~one, float("-inf"))
                .repeat_interleave(groups, dim=-2)
                for one in allowed
            )
            self._masks[key] = prompt, own[:, None]
        return self._masks[key]


class _Attention(torch.autograd.Function):
    """q [S, H·G, D], k [S, H, D], v [S, H, E] -> [S, H·G, E]."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, layout: PackedLayout, style: Style
    ) -> Tensor:
        grid = layout.grid(k.shape[1])
        scaled = q * style.scaling
        weights = layout.weights(grid, grid.spread(scaled), grid.spread(k), style)
        ctx.layout, ctx.style = layout, style
        parts = [part for spread in weights for part in spread]
        is_kept = style.softcap is None and sum(part.numel() for part in parts) <= LARGE
        ctx.save_for_backward(scaled, k, v, *(parts if is_kept else ()))
        return _weighted(grid, weights, grid.spread(v))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled, k, v, *kept = ctx.saved_tensors
        grid, style = ctx.layout.grid(k.shape[1]), ctx.style
        on_grid, keys, values = grid.spread(scaled), grid.spread(k), grid.spread(v)
        slopes: list[Spread] = []
        weights = [Spread(*pair) for pair in zip(kept[::2], kept[1::2], strict=True)]
        if not kept:
            weights = ctx.layout.weights(grid, on_grid, keys, style, slopes)
        grad_out = grid.spread_gradient(grads[0])
        grad_v = _on_keys(grid, weights, grad_out)
        grad_weights = map(_scores, grid.blocks, grad_out, values)
        grad_scores = list(map(_softmax_gradient, weights, grad_weights))
        if slopes:
            grad_scores = list(map(_product, grad_scores, slopes))
        grad_q = _weighted(grid, grad_scores, keys).mul_(style.scaling)
        grad_k = _on_keys(grid, grad_scores, on_grid)
        return grad_q, grad_k, grad_v, None, None


@kernel
def _masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Over the last dimension, of scores to which a mask of 0 and −∞ is added."""
    return (scores + mask).softmax(dim=-1)


def _scores(block: Block, q: Spread, k: Spread) -> Spread:
    """Products of every query with the keys in its sight: [R·H, P·G, P], [R·H·N, C·G, P + C]."""
    with block.threads_for(q):
        prompt = q.prompt @ k.prompt.mT
        if not block.longest:
            return Spread(prompt, q.own.new_empty(q.own.shape[0], 0, block.longest_prompt))
        on_prompt = block.beside_prompt(q.own) @ k.prompt.mT
        own = torch.cat([on_prompt.view(*q.own.shape[:2], -1), q.own @ k.own.mT], dim=-1)
        return Spread(prompt, own)


def _weighted(grid: Grid, weights: Sequence[Spread], v: Sequence[Spread]) -> Tensor:
    """Sums of values by weights, collected: [S, H·G, E]."""
    width = v[0].prompt.shape[2]
    groups = weights[0].prompt.shape[1] // grid.blocks[0].longest_prompt
    outs, whole = grid.blank(v[0].prompt, groups, width)
    for block, by, values, out in zip(grid.blocks, weights, v, outs, strict=True):
        with block.threads_for(out):
            torch.bmm(by.prompt, values.prompt, out=out.prompt)
            if block.longest:
                on_prompt, on_self = by.own.split([block.longest_prompt, block.longest], dim=-1)
                beside = block.beside_prompt(on_prompt.contiguous())
                torch.bmm(beside, values.prompt, out=block.beside_prompt(out.own))
                out.own.baddbmm_(on_self, values.own)
    return grid.collect(whole, width)


def _on_keys(grid: Grid, weights: Iterable[Spread], x: Sequence[Spread]) -> Tensor:
    """Sums over the queries that see a key, by weights, collected: [S, H, D]."""
    width = x[0].prompt.shape[2]
    outs, whole = grid.blank(x[0].prompt, 1, width)
    for block, by, queries, out in zip(grid.blocks, weights, x, outs, strict=True):
        with block.threads_for(queries):
            torch.bmm(by.prompt.mT, queries.prompt, out=out.prompt)
            if block.longest:
                on_prompt, on_self = by.own.split([block.longest_prompt, block.longest], dim=-1)
                beside = block.beside_prompt(on_prompt.contiguous())
                out.prompt.baddbmm_(beside.mT, block.beside_prompt(queries.own))
                torch.bmm(on_self.mT, queries.own, out=out.own)
    return grid.collect(whole, width)


def _softmax_gradient(weights: Spread, grads: Spread) -> Spread:
    return Spread(
        *(
            torch._softmax_backward_data(g, w, -1, w.dtype)
            for w, g in zip(weights, grads, strict=True)
        )
    )


def _product(one: Spread, other: Spread) -> Spread:
    return Spread(one.prompt * other.prompt, one.own * other.own)
