"""Prompts that are computed in pieces: each one's next tokens look at those before them.

Prompts are attended to one by one, for their lengths may have nothing in common: beside a prompt of
thousands of tokens, short ones would be padding. Shapes: S tokens of all pieces, c of one piece, t
known tokens of its prompt with the piece, H key heads, G queries a key head, D and E the widths of
keys and values.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from rather.models.attention import Style
from rather.models.decode.layout import weigh
from rather.models.decode.spans import Growing, Layer


class PieceLayout:
    """Each token looks at what is known of its prompt, and at its piece up to itself."""

    def __init__(
        self,
        prompts: Sequence[Growing],
        counts: Sequence[int],
        device: torch.device,
        block: int | None = None,
    ) -> None:
        """The next `counts` tokens of prompts, which count as known from now on; so many (`block`)
        of them attend at once."""
        self._prompts, self._block = prompts, block
        self._bounds = [
            (one.filled, one.filled + n) for one, n in zip(prompts, counts, strict=True)
        ]
        self._device = device
        self._masks: dict[tuple[tuple[int, int], int, int | None], Tensor] = {}
        for prompt, (_, end) in zip(prompts, self._bounds, strict=True):
            prompt.filled = end

    @property
    def positions(self) -> Tensor:
        """[S] of each token in its prompt."""
        return torch.cat([torch.arange(*each, device=self._device) for each in self._bounds])

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`."""
        out = v.new_empty(q.shape[0], q.shape[1], v.shape[2])
        counts = [end - start for start, end in self._bounds]
        pieces = zip(*(x.split(counts) for x in (q, k, v, out)), strict=True)
        for number, (own_q, own_k, own_v, own_out) in enumerate(pieces):
            new = Layer(own_k.transpose(0, 1), own_v.transpose(0, 1))
            start, end = self._bounds[number]
            known = self._prompts[number].write(layer, start, new)
            size = self._block or end - start
            for first in range(start, end, size):
                last = min(end, first + size)
                part = slice(first - start, last - start)
                seen = known.cut(0, last)
                own_out[part] = self._attend_one((first, last), own_q[part], seen, style)
        return out

    def _attend_one(self, bounds: tuple[int, int], q: Tensor, known: Layer, style: Style) -> Tensor:
        """The queries of some places of a prompt [c, H·G, D] on [H, t, ·] -> [c, H·G, E]."""
        count, heads = len(q), known.k.shape[0]
        folded = q.view(count, heads, -1, q.shape[2]).transpose(0, 1).reshape(heads, -1, q.shape[2])
        groups = folded.shape[1] // count
        scores = weigh(folded, known.k, self._mask(bounds, groups, style, q.dtype), style)
        out = scores.softmax(dim=-1) @ known.v
        return out.view(heads, count, groups, -1).transpose(0, 1).flatten(1, 2)

    def _mask(
        self, bounds: tuple[int, int], groups: int, style: Style, dtype: torch.dtype
    ) -> Tensor:
        """[c·G, t] added to scores: 0 where a query may look."""
        key = bounds, groups, style.sliding_window
        if key not in self._masks:
            start, end = bounds
            places = torch.arange(end, device=self._device)
            allowed = style.sees(places[start:, None], places).repeat_interleave(groups, dim=0)
            closed = torch.zeros(allowed.shape, dtype=dtype, device=self._device)
            self._masks[key] = closed.masked_fill_(~allowed, torch.finfo(dtype).min)
        return self._masks[key]
