"""Cached keys and values of the rows that decode.

Every row is alive: row i of every layer is row i of the batch. Rows that join are written behind
the others; when rows end, the last ones move into their places, so nothing is masked, gathered or
computed for the dead.

A prompt with several completions is kept, and read, once for all of them (`shares_prompts`);
otherwise it is the beginning of its row. Shapes: A rows, H key heads, D head width, T own columns,
R shared prompts of at most P tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rather.models.decode.spans import Layer, Span

ROOM = 32
"""Columns come in so many at once: as many as oneDNN sums at once, so that the empty ones behind a
row's own change nothing at all (found by trial in bfloat16; see `rather.models.decode.blocks`)."""
SPARE = 8
"""A larger room has an eighth more columns than are needed: each step reads all of them, but moving
to a larger one copies everything and leaves holes in the memory behind."""


@dataclass
class Seat:
    """One row's place in its text."""

    before: int
    """Tokens of its shared prompt, which its own columns come after."""
    filled: int
    """Its own columns in use."""
    prompt: int
    """Its shared prompt."""


class KeyValues:
    """Keys and values, layer by layer, and whose they are."""

    def __init__(self, *, shares_prompts: bool) -> None:
        self.shares_prompts = shares_prompts
        self.seats: list[Seat] = []
        self.prompt_lengths: list[int] = []
        self.own: list[tuple[Tensor, Tensor]] = []
        """A layer: keys and values [≥ A, H, T, D], of which the first A rows are taken."""
        self.prompts: list[tuple[Tensor, Tensor]] = []
        """A layer: keys and values [R, H, P, D]."""
        self._copies: tuple[int, ...] = ()
        self._reserved = 0, 0

    def reserve(self, rows: int, columns: int) -> None:
        """Rows join in several passes: make room for all of them, of so many tokens, at the first,
        and nothing is copied for those that follow."""
        self._reserved = len(self.seats) + rows, 0 if self.shares_prompts else columns

    def expect(self, lengths: Sequence[int], copies: Sequence[int]) -> None:
        """Rows are about to join: prompts of these lengths, so many rows of each.

        The pass over these prompts that has this cache as its `keep` brings their keys.
        """
        self._copies = tuple(copies)
        for length, count in zip(lengths, copies, strict=True):
            before, filled = (length, 0) if self.shares_prompts else (0, length)
            prompt = len(self.prompt_lengths)
            self.seats += [Seat(before, filled, prompt) for _ in range(count)]
            if self.shares_prompts:
                self.prompt_lengths.append(length)

    def add_prompt(self, layer: int, k: Tensor, v: Tensor) -> None:
        """One layer's keys and values of the prompts that join: [R, H, P, D]."""
        if layer == len(self.own):
            self.own.append((k[:0, :, :0], v[:0, :, :0]))
            self.prompts.append((k[:0], v[:0]))
        if self.shares_prompts:
            old_k, old_v = self.prompts[layer]
            self.prompts[layer] = _below(old_k, k), _below(old_v, v)
            k, v = k[:, :, :0], v[:, :, :0]
        copies = torch.tensor(self._copies, device=k.device)
        k, v = (x.repeat_interleave(copies, dim=0) for x in (k, v))
        rows = len(self.seats)
        room = max(rows, self._reserved[0]), max(self._width, self._reserved[1])
        own_k, own_v = (_roomy(x, rows - len(k), *room) for x in self.own[layer])
        own_k[rows - len(k) : rows, :, : k.shape[2]] = k
        own_v[rows - len(v) : rows, :, : v.shape[2]] = v
        self.own[layer] = own_k, own_v

    def join(self, spans: Sequence[Span], copies: Sequence[int]) -> None:
        """Rows of prompts whose keys are known: so many rows of each."""
        self.expect([span.num_tokens for span in spans], copies)
        for number, parts in enumerate(zip(*(span.layers for span in spans), strict=True)):
            k, v = (_beside(each) for each in zip(*parts, strict=True))
            self.add_prompt(number, k, v)

    def span(self, row: int) -> Span:
        """What is kept of a row that has its prompt to itself, in the same memory."""
        assert not self.shares_prompts
        filled = self.seats[row].filled
        return Span(tuple(Layer(k[row], v[row]).cut(0, filled) for k, v in self.own))

    def make_room(self) -> None:
        """Room for one more token in every row."""
        rows = len(self.seats)
        for layer, (k, v) in enumerate(self.own):
            self.own[layer] = _roomy(k, rows, rows, self._width), _roomy(v, rows, rows, self._width)

    @property
    def _width(self) -> int:
        """Own columns that the longest row needs for its next token."""
        return max(seat.filled for seat in self.seats) + 1

    def remove(self, ended: set[int]) -> list[int]:
        """Forget rows; returns where each row that stays was before."""
        left = len(self.seats) - len(ended)
        gaps = sorted(row for row in ended if row < left)
        fillers = [row for row in range(left, len(self.seats)) if row not in ended]
        order = list(range(left))
        for gap, filler in zip(gaps, fillers, strict=True):
            order[gap] = filler
        self.seats = [self.seats[row] for row in order]
        if not left:
            self.own, self.prompts, self.prompt_lengths = [], [], []
            self._reserved = 0, 0
        elif gaps:
            for k, v in self.own:
                k[gaps], v[gaps] = k[fillers], v[fillers]
        self._forget_prompts()
        return order

    def _forget_prompts(self) -> None:
        """Drop shared prompts nobody reads any more, once they are a quarter of all."""
        alive = sorted({seat.prompt for seat in self.seats})
        if not self.shares_prompts or len(alive) > 0.75 * len(self.prompt_lengths):
            return
        for seat in self.seats:
            seat.prompt = alive.index(seat.prompt)
        self.prompt_lengths = [self.prompt_lengths[prompt] for prompt in alive]
        longest = max(self.prompt_lengths, default=0)
        self.prompts = [(k[alive, :, :longest], v[alive, :, :longest]) for k, v in self.prompts]


def _beside(parts: Sequence[Tensor]) -> Tensor:
    """[H, t, D] of several lengths, zeros behind the shorter ones: [R, H, P, D]."""
    return pad_sequence([x.transpose(0, 1) for x in parts], batch_first=True).transpose(1, 2)


def _roomy(buffer: Tensor, taken: int, rows: int, width: int) -> Tensor:
    """A buffer [·, H, T, D] of at least so many rows and columns, its first `taken` rows kept.

    New places hold zeros: a weight of zero on them must not meet what is not a number.
    """
    if rows <= buffer.shape[0] and width <= buffer.shape[2]:
        return buffer
    known, heads, columns, size = buffer.shape
    if width > columns:
        width = -(-(width + width // SPARE) // ROOM) * ROOM
    larger = buffer.new_zeros(max(rows, known), heads, max(width, columns), size)
    larger[:taken, :, :columns] = buffer[:taken]
    return larger


def _below(old: Tensor, new: Tensor) -> Tensor:
    """[R, H, P, D] and [R', H, P', D] below each other, in the longer of their lengths."""
    if not len(old):
        return new.contiguous()
    longest = max(old.shape[2], new.shape[2])
    whole = old.new_zeros(len(old) + len(new), old.shape[1], longest, old.shape[3])
    whole[: len(old), :, : old.shape[2]] = old
    whole[len(old) :, :, : new.shape[2]] = new
    return whole
