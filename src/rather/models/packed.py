"""Attention of a whole `Batch` at once: prompts causal, completions on their prompt and themselves.

Tokens are spread from the pack onto grids (prompts R × P, completions R × N × C), multiplied there
with plain batched products, and collected again; a prompt's keys are there once for all its
completions. The gradient is written out, so that a layer keeps its weights and nothing else, or
not even those (`LARGE`), and a token is moved by one look-up each way. With scores
s = (scale·q)·kᵀ, weights w = softmax(s + mask) and output o = w·v:

    ∂v = wᵀ·∂o,   ∂w = ∂o·vᵀ,   ∂s = w ⊙ (∂w − Σ_keys ∂w ⊙ w),   ∂q = scale·∂s·k,   ∂k = ∂sᵀ·scale·q

Shapes: R rows, N completions a row, P and C the longest prompt and completion, H key heads, G
queries a key head, D head width. Queries of a group are folded into the length: P·G, C·G.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rather.data.batch import Batch
from rather.models.attention import Keeper, Style

LARGE = 1 << 22
"""Attention weights of one layer (all heads) beyond which the backward pass makes them again
instead of keeping them: they grow with the square of the length, all else with the length."""


class Spread(NamedTuple):
    """Something of every token, on the grids."""

    prompt: Tensor
    """[R·H, P·G, D]"""
    own: Tensor
    """[R·H·N, C·G, D]"""


@dataclass(frozen=True)
class Grid:
    """Where the tokens of a pack lie on the grids, head by head, and back."""

    rows: int
    per_row: int
    longest_prompt: int
    longest: int
    heads: int
    gather: Tensor
    """The pack's (token, head) at each place of the grids; any at places without a token."""
    scatter: Tensor
    """The place of each (token, head) of the pack."""
    empty: Tensor
    """Places without a token."""

    def spread(self, x: Tensor) -> Spread:
        """[S, H·G, D] onto the grids; places without a token hold somebody else's."""
        flat = x.reshape(x.shape[0] * self.heads, -1).index_select(0, self.gather)
        return self._cut(flat, x.shape[2])

    def spread_gradient(self, x: Tensor) -> Spread:
        """Like `spread`, with 0 at places without a token: nothing flows from there."""
        flat = x.reshape(x.shape[0] * self.heads, -1).index_select(0, self.gather)
        return self._cut(flat.index_fill_(0, self.empty, 0), x.shape[2])

    def blank(self, like: Tensor, groups: int, width: int) -> tuple[Spread, Tensor]:
        """Uninitialised grids, and the one piece of memory they share."""
        whole = like.new_empty(self.gather.numel(), groups * width)
        return self._cut(whole, width), whole

    def collect(self, whole: Tensor, width: int) -> Tensor:
        """What `blank` gave, filled, as packed tokens: [S, H·G, D]."""
        tokens = self.scatter.numel() // self.heads
        return whole.index_select(0, self.scatter).view(tokens, -1, width)

    def _cut(self, flat: Tensor, width: int) -> Spread:
        split = self.rows * self.heads * self.longest_prompt
        own = self.rows * self.heads * self.per_row
        return Spread(
            flat[:split].view(self.rows * self.heads, -1, width),
            flat[split:].view(own, flat.shape[1] // width * self.longest, width),
        )

    def beside_prompt(self, own: Tensor) -> Tensor:
        """All completions of a row in one length, to meet its prompt: [R·H, N·C·G, D]."""
        return own.view(self.rows * self.heads, -1, own.shape[2])


class PackedLayout:
    """Who attends to whom in one pass over a batch."""

    def __init__(self, batch: Batch, keep: Keeper | None = None) -> None:
        """`keep` takes each layer's prompt keys and values, to decode from afterwards."""
        self.batch = batch
        self.keep = keep
        self.prompt_lengths = (batch.prompt_index < batch.num_tokens).sum(dim=1)
        self._grids: dict[int, Grid] = {}
        self._masks: dict[tuple[int | None, int], tuple[Tensor, Tensor]] = {}

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`."""
        grid = self.grid(k.shape[1])
        if self.keep is not None:
            shape = grid.rows, grid.heads, grid.longest_prompt, -1
            self.keep.add_prompt(layer, *(grid.spread(x).prompt.view(shape) for x in (k, v)))
        if torch.is_grad_enabled():
            made: Tensor = _Attention.apply(q, k, v, self, style)  # type: ignore[no-untyped-call]
            return made
        weights = self.weights(grid.spread(q * style.scaling), grid.spread(k), style)
        return _weighted(grid, weights, grid.spread(v))

    def grid(self, heads: int) -> Grid:
        """Where everything lies, for this number of key heads; made once a pass."""
        if heads not in self._grids:
            batch = self.batch
            by_head = [_by_head(batch.prompt_index, heads), _by_head(batch.completion_index, heads)]
            places = torch.cat([part.flatten() for part in by_head])
            packed = batch.num_tokens * heads
            is_real = places < packed
            scatter = torch.empty(packed, dtype=torch.long, device=places.device)
            scatter[places[is_real]] = is_real.nonzero()[:, 0]
            self._grids[heads] = Grid(
                rows=batch.completion_index.shape[0],
                per_row=batch.completion_index.shape[1],
                longest_prompt=batch.prompt_index.shape[1],
                longest=batch.completion_index.shape[2],
                heads=heads,
                gather=places.clamp(max=packed - 1),
                scatter=scatter,
                empty=(~is_real).nonzero()[:, 0],
            )
        return self._grids[heads]

    def weights(
        self, q: Spread, k: Spread, style: Style, slopes: list[Tensor] | None = None
    ) -> Spread:
        """Attention weights: prompts [R·H, P·G, P], completions [R·H·N, C·G, P + C].

        `slopes` takes the derivative of a style's cap at every score.
        """
        grid = self.grid(self._heads_of(q))
        on_prompt, on_both = self.masks(q, style)
        scores = _scores(grid, q, k)
        if style.softcap is not None:
            scores = Spread(*(style.cap(part) for part in scores))
            if slopes is not None:
                slopes += [style.cap_slope(part) for part in scores]
        scores.prompt.add_(on_prompt)
        if grid.longest:
            scores.own.view(grid.rows, -1, *scores.own.shape[1:]).add_(on_both)
        return Spread(*(part.softmax(dim=-1) for part in scores))

    def masks(self, q: Spread, style: Style) -> tuple[Tensor, Tensor]:
        """0 where a query may look and −∞ elsewhere: [P·G, P] and [R, 1, C·G, P + C]."""
        grid = self.grid(self._heads_of(q))
        groups = q.prompt.shape[1] // grid.longest_prompt
        key = style.sliding_window, groups
        if key not in self._masks:
            before = torch.arange(grid.longest_prompt, device=q.prompt.device)
            steps = torch.arange(grid.longest, device=q.prompt.device)
            lengths = self.prompt_lengths[:, None, None]
            on_prompt = style.sees(lengths + steps[None, :, None], before) & (before < lengths)
            on_self = style.sees(steps[:, None], steps).expand(grid.rows, -1, -1)
            allowed = style.sees(before[:, None], before), torch.cat([on_prompt, on_self], dim=-1)
            prompt, own = (
                torch.zeros(one.shape, dtype=q.prompt.dtype, device=one.device)
                .masked_fill_(~one, float("-inf"))
                .repeat_interleave(groups, dim=-2)
                for one in allowed
            )
            self._masks[key] = prompt, own[:, None]
        return self._masks[key]

    def _heads_of(self, q: Spread) -> int:
        return q.prompt.shape[0] // self.batch.prompt_index.shape[0]


class _Attention(torch.autograd.Function):
    """q [S, H·G, D], k [S, H, D], v [S, H, E] -> [S, H·G, E]."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, layout: PackedLayout, style: Style
    ) -> Tensor:
        grid = layout.grid(k.shape[1])
        scaled = q * style.scaling
        weights = layout.weights(grid.spread(scaled), grid.spread(k), style)
        ctx.layout, ctx.style = layout, style
        is_kept = style.softcap is None and sum(part.numel() for part in weights) <= LARGE
        ctx.save_for_backward(scaled, k, v, *(weights if is_kept else ()))
        return _weighted(grid, weights, grid.spread(v))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled, k, v, *kept = ctx.saved_tensors
        grid, style = ctx.layout.grid(k.shape[1]), ctx.style
        on_grid, keys = grid.spread(scaled), grid.spread(k)
        slopes: list[Tensor] = []
        weights = Spread(*kept) if kept else ctx.layout.weights(on_grid, keys, style, slopes)
        grad_out = grid.spread_gradient(grads[0])
        grad_v = _on_keys(grid, weights, grad_out)
        grad_scores = _softmax_gradient(weights, _scores(grid, grad_out, grid.spread(v)))
        if slopes:
            grad_scores = Spread(*(g * s for g, s in zip(grad_scores, slopes, strict=True)))
        grad_q = _weighted(grid, grad_scores, keys).mul_(style.scaling)
        grad_k = _on_keys(grid, grad_scores, on_grid)
        return grad_q, grad_k, grad_v, None, None


def _scores(grid: Grid, q: Spread, k: Spread) -> Spread:
    """Products of every query with the keys in its sight: [R·H, P·G, P], [R·H·N, C·G, P + C]."""
    prompt = q.prompt @ k.prompt.mT
    if not grid.longest:
        return Spread(prompt, q.own.new_empty(q.own.shape[0], 0, grid.longest_prompt))
    on_prompt = grid.beside_prompt(q.own) @ k.prompt.mT
    own = torch.cat([on_prompt.view(*q.own.shape[:2], -1), q.own @ k.own.mT], dim=-1)
    return Spread(prompt, own)


def _weighted(grid: Grid, weights: Spread, v: Spread) -> Tensor:
    """Sums of values by weights, collected: [S, H·G, E]."""
    groups = weights.prompt.shape[1] // grid.longest_prompt
    out, whole = grid.blank(v.prompt, groups, v.prompt.shape[2])
    torch.bmm(weights.prompt, v.prompt, out=out.prompt)
    if grid.longest:
        on_prompt, on_self = weights.own.split([grid.longest_prompt, grid.longest], dim=-1)
        beside = grid.beside_prompt(on_prompt.contiguous())
        torch.bmm(beside, v.prompt, out=grid.beside_prompt(out.own))
        out.own.baddbmm_(on_self, v.own)
    return grid.collect(whole, v.prompt.shape[2])


def _on_keys(grid: Grid, weights: Spread, x: Spread) -> Tensor:
    """Sums over the queries that see a key, by weights, collected: [S, H, D]."""
    out, whole = grid.blank(x.prompt, 1, x.prompt.shape[2])
    torch.bmm(weights.prompt.mT, x.prompt, out=out.prompt)
    if grid.longest:
        on_prompt, on_self = weights.own.split([grid.longest_prompt, grid.longest], dim=-1)
        beside = grid.beside_prompt(on_prompt.contiguous())
        out.prompt.baddbmm_(beside.mT, grid.beside_prompt(x.own))
        torch.bmm(on_self.mT, x.own, out=out.own)
    return grid.collect(whole, x.prompt.shape[2])


def _softmax_gradient(weights: Spread, grads: Spread) -> Spread:
    return Spread(
        *(
            torch._softmax_backward_data(g, w, -1, w.dtype)
            for w, g in zip(weights, grads, strict=True)
        )
    )


def _by_head(index: Tensor, heads: int) -> Tensor:
    """Places of (token, head) where `index` [R, ...] has tokens: [R, H, ...]."""
    every = torch.arange(heads, device=index.device).view(1, heads, *[1] * (index.dim() - 1))
    return index[:, None] * heads + every
