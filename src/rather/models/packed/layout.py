"""Attention of a whole `Batch` at once: prompts causal, completions on their prompt and themselves.

Tokens are spread from the pack onto rectangles (`rather.models.packed.grids`), multiplied there
(`rather.models.packed.weights`), and collected again; a prompt's keys are there once for all its
completions. Shapes: S tokens of the pack, H key heads, G queries a key head, D head width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from rather.data.batch import Batch
from rather.models.attention import Keeper, Style
from rather.models.packed.grids import Block, Grid, alike, grid_of
from rather.models.packed.weights import Attention, Seen, Sights, attended
from rather.models.processor import products


class PackedLayout:
    """Who attends to whom in one pass over a batch."""

    def __init__(self, batch: Batch, keep: Keeper | None = None) -> None:
        """`keep` takes each layer's prompt keys and values, to decode from afterwards."""
        self.batch = batch
        self.keep = keep
        self.prompt_lengths = (batch.prompt_index < batch.num_tokens).sum(dim=1)
        self._grids: dict[int, Grid] = {}
        self._sights: dict[tuple[int, int, int | None], Sights] = {}

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`."""
        grid = self.grid(k.shape[1])
        if self.keep is not None:
            shape = len(self.prompt_lengths), grid.heads, grid.blocks[0].longest_prompt, -1
            prompts = (grid.spread(x, x.dtype)[0].prompt.view(shape) for x in (k, v))
            self.keep.add_prompt(layer, *prompts)
        sights = self._sights_of(grid, q, style)
        if torch.is_grad_enabled():
            made: Tensor = Attention.apply(q, k, v, sights, style)  # type: ignore[no-untyped-call]
            return made
        return attended(sights, q, k, v, style)

    def grid(self, heads: int) -> Grid:
        """Where everything lies, for this number of key heads; made once a pass."""
        if heads not in self._grids:
            self._grids[heads] = grid_of(self.batch, heads, self._groups())
        return self._grids[heads]

    def _groups(self) -> Sequence[Sequence[int]]:
        """Rows that share a block. Whoever decodes wants all in one; a GPU would wait for this."""
        batch = self.batch
        if self.keep is not None or batch.prompt_index.device.type != "cpu":
            return [range(len(self.prompt_lengths))]
        completions = (batch.completion_index < batch.num_tokens).sum(dim=2)
        longest = completions.amax(dim=1) if completions.shape[1] else completions.sum(dim=1)
        return alike(self.prompt_lengths.tolist(), longest.tolist(), completions.shape[1])

    def _sights_of(self, grid: Grid, q: Tensor, style: Style) -> Sights:
        """Who sees whom by such queries; made once a pass."""
        groups = q.shape[1] // grid.heads
        key = grid.heads, groups, style.sliding_window
        if key not in self._sights:
            like = q.new_empty(0, dtype=products.precision(q))
            masks = [self._mask(block, groups, style, like) for block in grid.blocks]
            self._sights[key] = Sights(grid, masks)
        return self._sights[key]

    def _mask(self, block: Block, groups: int, style: Style, like: Tensor) -> Seen:
        """Of one block: see `Sights`."""
        before = torch.arange(block.longest_prompt, device=like.device)
        steps = torch.arange(block.longest, device=like.device)
        lengths = self.prompt_lengths[list(block.rows)][:, None, None, None]
        allowed = Seen(
            style.sees(before[:, None], before),
            style.sees(lengths + steps[:, None], before) & (before < lengths),
            style.sees(steps[:, None], steps),
        )
        return Seen(
            *(
                like.new_zeros(one.shape)
                .masked_fill_(~one, float("-inf"))
                .repeat_interleave(groups, dim=-2)
                for one in allowed
            )
        )
