"""Where the tokens of a pack lie in rectangles that batched products can take, and back.

Rows of like lengths share a block: their prompts R × P, their completions R × N × C. Places that
shorter rows leave empty are computed all the same, and attention grows with the square of the
lengths, so a few blocks are less work than one; each more costs its calls. Shapes: H key heads, G
queries a key head (folded into the length: P·G, C·G), D head width, S tokens of the pack.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from rather.data.batch import Batch
from rather.models.processor import threads

BLOCK_COST = 1 << 15
"""Attention weights of one query head that take as long as the calls of one more block."""


class Spread(NamedTuple):
    """Something of every token of a block, in its rectangles."""

    prompt: Tensor
    """[R·H, P·G, D]"""
    own: Tensor
    """[R·H·N, C·G, D]"""


@dataclass(frozen=True)
class Block:
    """Rows of like lengths."""

    rows: tuple[int, ...]
    """R of the batch's rows."""
    per_row: int
    """N completions each."""
    longest_prompt: int
    longest: int
    heads: int

    @property
    def num_places(self) -> tuple[int, int]:
        """(token, head)s of all prompts R·H·P, and of all completions R·H·N·C."""
        each = len(self.rows) * self.heads
        return each * self.longest_prompt, each * self.per_row * self.longest

    def cut(self, prompt: Tensor, own: Tensor, width: int) -> Spread:
        """Places [·, G·width] of prompts and completions, shaped."""
        each = len(self.rows) * self.heads
        groups = prompt.shape[1] // width
        return Spread(
            prompt.view(each, groups * self.longest_prompt, width),
            own.view(each * self.per_row, groups * self.longest, width),
        )

    def threads_for(self, queries: Spread) -> threads.fit:
        """As many as its larger product is worth, whose weights one step writes and another reads:
        queries [R·H, P·G, D], [R·H·N, C·G, D]."""
        on_prompt, own = (x.shape[0] * x.shape[1] for x in queries)
        seen = self.longest_prompt + self.longest
        return threads.fit(2 * max(on_prompt * self.longest_prompt, own * seen))

    def beside_prompt(self, own: Tensor) -> Tensor:
        """All completions of a row in one length, to meet its prompt: [R·H, N·C·G, ·]."""
        each = len(self.rows) * self.heads
        return own.view(each, self.per_row * own.shape[-2], own.shape[-1])

    def by_completion(self, own: Tensor, queries: Tensor) -> Tensor:
        """What belongs to these queries [R·H·N, C·G, D], each completion's: [R·H·N, C·G, ·]."""
        return own.view(*queries.shape[:2], own.shape[-1])

    def by_row(self, own: Tensor, queries: Tensor) -> Tensor:
        """The same, to meet masks: [R, H·N, C·G, ·]."""
        each = self.heads * self.per_row
        return own.view(len(self.rows), each, queries.shape[1], own.shape[-1])


@dataclass(frozen=True)
class Grid:
    """Where the tokens of a pack lie in its blocks, head by head, and back."""

    blocks: tuple[Block, ...]
    heads: int
    gather: Tensor
    """The pack's (token, head) at each place, block by block; any at places without a token."""
    scatter: Tensor
    """The place of each (token, head) of the pack."""
    empty: Tensor
    """Places without a token."""

    def spread(self, x: Tensor, kind: torch.dtype) -> list[Spread]:
        """[S, H·G, D] to their places, in a precision; where no token is, somebody else's lies."""
        with threads.fit(x.numel()):
            flat = x.reshape(x.shape[0] * self.heads, -1).index_select(0, self.gather)
            return self._cut(flat.to(kind), x.shape[2])

    def spread_gradient(self, x: Tensor, kind: torch.dtype) -> list[Spread]:
        """Like `spread`, with 0 at places without a token: nothing flows from there."""
        with threads.fit(x.numel()):
            flat = x.reshape(x.shape[0] * self.heads, -1).index_select(0, self.gather)
            return self._cut(flat.index_fill_(0, self.empty, 0).to(kind), x.shape[2])

    def blank(self, like: Tensor, groups: int, width: int) -> tuple[list[Spread], Tensor]:
        """Uninitialised places, and the one piece of memory they share."""
        whole = like.new_empty(self.gather.numel(), groups * width)
        return self._cut(whole, width), whole

    def collect(self, whole: Tensor, width: int) -> Tensor:
        """What `blank` gave, filled, as packed tokens: [S, H·G, D]."""
        tokens = self.scatter.numel() // self.heads
        with threads.fit(whole.numel()):
            return whole.index_select(0, self.scatter).view(tokens, -1, width)

    @cached_property
    def _sizes(self) -> list[int]:
        return list(chain.from_iterable(block.num_places for block in self.blocks))

    def _cut(self, flat: Tensor, width: int) -> list[Spread]:
        parts: Iterator[Tensor] = iter(flat.split(self._sizes))
        return [block.cut(next(parts), next(parts), width) for block in self.blocks]


def grid_of(batch: Batch, heads: int, groups_of_rows: Sequence[Sequence[int]]) -> Grid:
    """A batch's tokens in blocks of these rows."""
    packed = batch.num_tokens * heads
    blocks, by_head = [], []
    for rows in groups_of_rows:
        prompts, own = (x[list(rows)] for x in (batch.prompt_index, batch.completion_index))
        if len(groups_of_rows) > 1:
            prompts, own = (x[..., : _longest(x, batch.num_tokens)] for x in (prompts, own))
        blocks.append(Block(tuple(rows), own.shape[1], prompts.shape[1], own.shape[2], heads))
        by_head += [_by_head(prompts, heads), _by_head(own, heads)]
    places = torch.cat([part.flatten() for part in by_head])
    is_real = places < packed
    scatter = torch.empty(packed, dtype=torch.long, device=places.device)
    scatter[places[is_real]] = is_real.nonzero()[:, 0]
    gather, empty = places.clamp(max=packed - 1), (~is_real).nonzero()[:, 0]
    return Grid(tuple(blocks), heads, gather, scatter, empty)


def alike(prompts: Sequence[int], completions: Sequence[int], per_row: int) -> list[list[int]]:
    """Rows by block: cut where it saves most, as long as that is more than a block costs.

    By each row's prompt tokens and those of its longest completion.
    """

    def cost(rows: Sequence[int]) -> int:
        prompt, own = max(prompts[row] for row in rows), max(completions[row] for row in rows)
        return len(rows) * (prompt * prompt + per_row * own * (prompt + own))

    def cut(rows: list[int]) -> list[list[int]]:
        halves = [(rows[:place], rows[place:]) for place in range(1, len(rows))]
        if not halves:
            return [rows]
        first, second = min(halves, key=lambda both: cost(both[0]) + cost(both[1]))
        if cost(rows) - cost(first) - cost(second) <= BLOCK_COST:
            return [rows]
        return [*cut(first), *cut(second)]

    return cut(sorted(range(len(prompts)), key=lambda row: (-prompts[row], -completions[row])))


def _longest(index: Tensor, nowhere: int) -> int:
    """Most tokens in a row of places."""
    return int((index < nowhere).sum(dim=-1).max()) if index.numel() else 0


def _by_head(index: Tensor, heads: int) -> Tensor:
    """Places of (token, head) where `index` [R, ...] has tokens: [R, H, ...]."""
    every = torch.arange(heads, device=index.device).view(1, heads, *[1] * (index.dim() - 1))
    return index[:, None] * heads + every
