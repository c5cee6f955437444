"""Decoding: one new token for each row, against cached keys and values.

What holds for a whole step (where keys are written, who may look where) is made once and read by
all layers. A layer is two products and a softmax, over own columns and, where prompts are shared,
over the prompts of all rows: a grid R × N of the rows of each prompt, some places of it empty.
Shapes: A rows, H key heads, G queries a key head, D head width, T own columns, R shared prompts of
at most P tokens with at most N rows each.
"""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from rather.models.attention import Style
from rather.models.decode.key_values import KeyValues
from rather.models.processor import threads


@dataclass(frozen=True)
class _Step:
    """What all layers with as many heads and the same window share in one step."""

    places: Tensor
    """[A·H] where keys are written in own columns laid end to end."""
    own: Tensor
    """[A·H, G, T] added to scores: 0 where a query may look."""
    prompt: Tensor | None
    """[R·H, N·G, P] the same for the shared prompts."""
    spread: Tensor | None
    """[R·H·N] the row and head at each place of the grid; any where it is empty."""
    collect: Tensor | None
    """[A·H] the place of each row and head on the grid."""


class DecodeLayout:
    """Each row's new token looks at its prompt, its own columns, and itself."""

    def __init__(self, cache: KeyValues, device: torch.device) -> None:
        """The cache makes room for a token in each row, which then counts as written."""
        cache.make_room()
        self.cache = cache
        seats = [(seat.before, seat.filled) for seat in cache.seats]
        self.before, self.filled = torch.tensor(seats, device=device).unbind(dim=1)
        self.positions = self.before + self.filled
        """[A] of each new token in its own text."""
        self._steps: dict[tuple[int, int, int | None], _Step] = {}
        for seat in cache.seats:
            seat.filled += 1

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`; S = A rows."""
        heads, groups = k.shape[1], q.shape[1] // k.shape[1]
        step = self._step(heads, groups, style, q.dtype)
        own_k, own_v = (x[: len(q)].flatten(0, 1) for x in self.cache.own[layer])
        own_k.view(-1, k.shape[2]).index_copy_(0, step.places, k.reshape(-1, k.shape[2]))
        own_v.view(-1, v.shape[2]).index_copy_(0, step.places, v.reshape(-1, v.shape[2]))
        q = q.reshape(len(q) * heads, groups, -1)
        with threads.fit(own_k.numel()):
            scores = weigh(q, own_k, step.own, style)
            if step.spread is None:
                out = scores.softmax(dim=-1) @ own_v
            else:
                out = self._with_prompts(layer, q, scores, own_v, step, style)
        return out.view(-1, heads * groups, v.shape[2])

    def _with_prompts(
        self, layer: int, q: Tensor, own: Tensor, own_v: Tensor, step: _Step, style: Style
    ) -> Tensor:
        """Own scores [A·H, G, T] and those of shared prompts, weighted together: [A·H, G, D]."""
        assert step.prompt is not None and step.spread is not None and step.collect is not None
        k, v = (x.flatten(0, 1) for x in self.cache.prompts[layer])
        grid = q.index_select(0, step.spread).view(len(k), -1, q.shape[2])
        scores = weigh(grid, k, step.prompt, style)
        scores = scores.view(-1, *own.shape[1:2], k.shape[1]).index_select(0, step.collect)
        weights = torch.cat([scores, own], dim=-1).softmax(dim=-1)
        on_prompt = weights[..., : k.shape[1]].index_select(0, step.spread)
        out = (on_prompt.view(len(k), -1, k.shape[1]) @ v).view(len(step.spread), -1, v.shape[2])
        return torch.baddbmm(out.index_select(0, step.collect), weights[..., k.shape[1] :], own_v)

    def _step(self, heads: int, groups: int, style: Style, dtype: torch.dtype) -> _Step:
        key = heads, groups, style.sliding_window
        if key not in self._steps:
            self._steps[key] = self._make_step(heads, groups, style, dtype)
        return self._steps[key]

    def _make_step(self, heads: int, groups: int, style: Style, dtype: torch.dtype) -> _Step:
        width, device = self.cache.own[0][0].shape[2], self.filled.device
        never = torch.finfo(dtype).min
        here = self.positions[:, None]

        def mask(allowed: Tensor, queries: int) -> Tensor:
            """[·, H, n, columns] in the precision of the scores, every query of a head alike."""
            closed = torch.zeros(allowed.shape, dtype=dtype, device=device)
            closed.masked_fill_(~allowed, never)
            shape = closed.shape[0], heads, queries, closed.shape[-1]
            return closed.expand(shape).flatten(0, 1).contiguous()

        every_head = torch.arange(heads, device=device)
        rows = torch.arange(len(here), device=device)[:, None] * heads + every_head
        places = (rows * width + self.filled[:, None]).flatten()
        columns = torch.arange(width, device=device)
        own = mask(style.sees(here, self.before[:, None] + columns)[:, None, None], groups)
        if not self.cache.shares_prompts:
            return _Step(places, own, None, None, None)
        on_grid, place = self._grid()
        lengths = torch.tensor(self.cache.prompt_lengths, device=device)[:, None, None]
        tokens = torch.arange(self.cache.prompts[0][0].shape[2], device=device)
        seen = (tokens < lengths) & style.sees(here[on_grid], tokens)  # [R, N, P]
        prompt = mask(seen.repeat_interleave(groups, dim=1)[:, None], seen.shape[1] * groups)
        spread = (on_grid[:, None] * heads + every_head[:, None]).flatten()
        row, n = place.unbind(dim=1)
        collect = ((row[:, None] * heads + every_head) * on_grid.shape[1] + n[:, None]).flatten()
        return _Step(places, own, prompt, spread, collect)

    def _grid(self) -> tuple[Tensor, Tensor]:
        """[R, N] the row at each place of the grid (0 where empty), [A, 2] the place of each."""
        rows_of: dict[int, list[int]] = defaultdict(list)
        place = []
        for row, seat in enumerate(self.cache.seats):
            place.append((seat.prompt, len(rows_of[seat.prompt])))
            rows_of[seat.prompt].append(row)
        most = max(map(len, rows_of.values()))
        every = (rows_of[prompt] for prompt in range(len(self.cache.prompt_lengths)))
        grid = [[*rows, *[0] * (most - len(rows))] for rows in every]
        device = self.filled.device
        return torch.tensor(grid, device=device), torch.tensor(place, device=device)


def weigh(q: Tensor, k: Tensor, mask: Tensor, style: Style) -> Tensor:
    """Scores of queries on keys, scaled, capped and masked.

    q [·, n, D], k [·, columns, D], mask [·, n, columns] or [n, columns] -> [·, n, columns].
    """
    if style.softcap is None:
        return torch.baddbmm(mask, q, k.transpose(1, 2), alpha=style.scaling)
    return style.cap((q @ k.transpose(1, 2)).mul_(style.scaling)).add_(mask)
