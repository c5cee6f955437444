"""What adapters add to a product of layers that read the same input, several adapters at once.

A layer's addition is x·Aᵀ·Bᵀ·(α/r). Adapters of one product lie below each other, [A₁; A₂; …], and
their scaled Bs beside each other. With few rows the calls cost more than the products, so rows of
several adapters are multiplied with all of them, and what is not a row's own is set to zero
between the two products: three calls, however many adapters there are.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rather.models.decode.blocks import ALL_RANKS, RANKS, Blocks, at_least_two
from rather.models.lora import LoraLinear

FEW_ROWS = 256
"""Up to so many rows are multiplied with every adapter, beyond with their own only."""


class Sides(NamedTuple):
    """A [Σ r, inputs] and scaled B [Σ outputs, Σ r], of one adapter or of several."""

    a: Tensor
    b: Tensor
    names: tuple[str, ...]
    ranks: tuple[int, ...]
    """Rows of A that are each one's."""

    def on_multiple_of(self, ranks: int) -> "Sides":
        """The same with ranks that add nothing behind."""
        missing = -len(self.a) % ranks
        a, b = (
            nn.functional.pad(self.a, (0, 0, 0, missing)),
            nn.functional.pad(self.b, (0, missing)),
        )
        return self._replace(a=a, b=b)

    def parts(self) -> Iterator["Sides"]:
        """Those of each adapter, in the same memory."""
        starts = accumulate(self.ranks, initial=0)
        for name, rank, start in zip(self.names, self.ranks, starts, strict=False):
            part = slice(start, start + rank)
            yield Sides(self.a[part], self.b[:, part], (name,), (rank,))

    def apart(self) -> "Sides":
        """The same in memory of its own."""
        return self._replace(
            a=self.a.clone(), b=self.b.clone(memory_format=torch.contiguous_format)
        )


class Strangers:
    """Which columns of x·[A₁; A₂; …]ᵀ are not a row's own: made once a pass, for all layers."""

    def __init__(self) -> None:
        self._rows: Mapping[str, Tensor] = {}
        self._made: dict[tuple[tuple[str, ...], tuple[int, ...], int], Tensor | None] = {}

    def of(self, rows: Mapping[str, Tensor], sides: Sides, num_rows: int) -> Tensor | None:
        """[rows, Σ r] True where a column belongs to another adapter, or the row has none; None
        where there is nothing of the kind."""
        if rows is not self._rows:
            self._rows, self._made = rows, {}
        key = sides.names, sides.ranks, num_rows
        if key not in self._made:
            size = num_rows, len(sides.a)
            strange = torch.zeros(size, dtype=torch.bool, device=sides.a.device)
            start = 0
            for name, rank in zip(sides.names, sides.ranks, strict=True):
                own = strange[:, start : start + rank].fill_(True)
                if name in rows:
                    own[rows[name]] = False
                start += rank
            self._made[key] = strange if strange.any() else None
        return self._made[key]


class Additions:
    """The adapters of some layers with the same input, as one product."""

    def __init__(
        self,
        layers: Sequence[nn.Module],
        widths: Sequence[int],
        strangers: Strangers,
        blocks: Blocks | None = None,
    ) -> None:
        """`widths`: each layer's outputs."""
        self._layers, self._widths, self._strangers = layers, widths, strangers
        self._blocks = blocks
        self._adapted = [layer for layer in layers if isinstance(layer, LoraLinear)]
        self._sides: dict[str, Sides] = {}
        self._together: Sides | None = None

    def keep(self, before: "Additions") -> None:
        """Take over what was made of adapters that are still there."""
        there = {name for layer in self._adapted for name in layer.a}
        self._sides, self._together = before._sides, before._together
        for name in self._sides.keys() - there:
            self.forget(name)

    def forget(self, name: str) -> None:
        """An adapter of that name may be another one from now on."""
        self._sides.pop(name, None)
        if self._together is not None and name in self._together.names:
            self._part_company(())
            self._together = None

    def add_to(self, out: Tensor, x: Tensor) -> None:
        """Add what the adapters that are on make of x [S, inputs] to out [S, Σ outputs]."""
        if not self._adapted:
            return
        if self._blocks is not None and (owned := self._blocks.owned(len(x))):
            for part, name in owned:
                if name is not None and self._has(name):
                    self._add(out[part], x[part], self._sides_of(name, x.dtype), None)
            return
        switch = self._adapted[0].switch
        if not switch.rows:
            if switch.active is not None and self._has(switch.active):
                self._add(out, x, self._sides_of(switch.active, x.dtype), None)
            return
        on = tuple(name for name in switch.rows if self._has(name))
        if on and (self._blocks or (len(on) > 1 and len(x) <= FEW_ROWS)):
            sides = self._all_sides(on, x.dtype)
            strange = self._strangers.of(switch.rows, sides, len(x))
            for part in [slice(None)] if self._blocks is None else self._blocks.of(len(x)):
                self._add(out[part], x[part], sides, None if strange is None else strange[part])
            return
        for name in on:
            sides, rows = self._sides_of(name, x.dtype), switch.rows[name]
            own = out.index_select(0, rows)  # summed as for a row alone: rounded once
            own.addmm_(x.index_select(0, rows) @ sides.a.t(), sides.b.t())
            out.index_copy_(0, rows, own)

    def _add(self, out: Tensor, x: Tensor, sides: Sides, strange: Tensor | None) -> None:
        """What some adapters make of rows, each row's own only (`strange`: see `Strangers`)."""
        a = sides.a.t()
        low = x @ a if self._blocks is None else at_least_two(lambda rows: rows @ a, x)
        if strange is not None:
            low.masked_fill_(strange, 0)
        out.addmm_(low, sides.b.t())

    def _has(self, name: str) -> bool:
        return any(name in layer.a for layer in self._adapted)

    def _sides_of(self, name: str, dtype: torch.dtype) -> Sides:
        if name not in self._sides:
            all_a, all_b = [], []
            for layer, width in zip(self._layers, self._widths, strict=True):
                if isinstance(layer, LoraLinear) and name in layer.a:
                    all_a.append(layer.a[name])
                    all_b.append(layer.b[name] * layer.scale[name])
                else:
                    device = self._adapted[0].base.weight.device
                    all_b.append(torch.zeros(width, 0, device=device))  # type: ignore[arg-type]
            a, b = torch.cat(all_a).to(dtype), torch.block_diag(*all_b).to(dtype)
            made = Sides(a, b, (name,), (len(a),))
            self._sides[name] = made if self._blocks is None else made.on_multiple_of(RANKS)
        return self._sides[name]

    def _all_sides(self, on: tuple[str, ...], dtype: torch.dtype) -> Sides:
        """Those of several adapters together, and perhaps of some that were on a moment ago: it
        is put together anew when one is missing, or as many again are idle."""
        known = self._together
        if known is None or len(known.names) > 2 * len(on) or not set(on) <= set(known.names):
            each = [self._sides_of(name, dtype) for name in on]
            self._part_company(on)
            self._together = known = self._joined(each)
            for name, part in zip(on, known.parts(), strict=True):
                self._sides[name] = part  # each adapter is in memory once
        return known

    def _joined(self, each: Sequence[Sides]) -> Sides:
        """Several adapters' sides as one's."""
        whole = Sides(
            torch.cat([one.a for one in each]),
            torch.cat([one.b for one in each], dim=1),
            tuple(chain.from_iterable(one.names for one in each)),
            tuple(len(one.a) for one in each),
        )
        return whole if self._blocks is None else whole.on_multiple_of(ALL_RANKS)

    def _part_company(self, staying: Collection[str]) -> None:
        """Let the others have memory of their own, so that what all had can go."""
        for name in () if self._together is None else self._together.names:
            if name in self._sides and name not in staying:
                self._sides[name] = self._sides[name].apart()
