"""Batch invariance: the numbers of a row do not depend on what is computed beside it.

A product of other shapes sums in another order. In bfloat16 that moves a last digit now and then,
and after thirty layers a token. So each row is computed in products like those it would have alone:

- A prompt in blocks of so many tokens, counted from its beginning, whichever pieces it comes in;
  to each its own adapter is added.
- Rows that decode so few at once that oneDNN makes the same sums for two of them as for all, and
  never one, for which some processors (avx512) have a kernel of its own. Each adapter's ranks begin
  where oneDNN begins to sum anew, and all together are as many as it takes to sum in the same way
  as more; zeros stand behind fewer.

The first holds by itself. The second was found by trial on two processors with products in bfloat16
(amx; avx512_bf16); `tests/rollout/test_engine.py` tries it on the machine it runs on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise

from torch import Tensor

PROMPT_TOKENS = 64
ROWS = 32
RANKS, ALL_RANKS = 32, 64


class Blocks:
    """How the rows of the pass under way are cut into products."""

    def __init__(self) -> None:
        self._prompts: list[tuple[slice, str | None]] = []

    @contextmanager
    def of_prompts(self, counts: Sequence[int], adapters: Sequence[str | None]) -> Iterator[None]:
        """For this long, rows are the next tokens of prompts, so many of each, end to end; and the
        adapter of each."""
        sizes, owners = [], []
        for count, adapter in zip(counts, adapters, strict=True):
            own = _in_blocks(count, PROMPT_TOKENS)
            sizes += own
            owners += [adapter] * len(own)
        self._prompts = list(zip(_slices(sizes), owners, strict=True))
        try:
            yield
        finally:
            self._prompts = []

    def of(self, num_rows: int) -> list[slice]:
        """The rows of each product."""
        return [part for part, _ in self.owned(num_rows)] or _slices(_in_blocks(num_rows, ROWS))

    def owned(self, num_rows: int) -> list[tuple[slice, str | None]]:
        """The rows of each product with the one adapter they all have, where they are prompts'."""
        are_these = self._prompts and self._prompts[-1][0].stop == num_rows
        return self._prompts if are_these else []  # experts see some of the rows


def at_least_two(product: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """A product of rows, a lone one of which is computed beside itself: [S, inputs]."""
    return product(rows) if len(rows) != 1 else product(rows.expand(2, -1))[:1]


def _in_blocks(count: int, size: int) -> list[int]:
    """So many in blocks of a size, and what is left."""
    whole, rest = divmod(count, size)
    return [size] * whole + [rest] * bool(rest)


def _slices(sizes: Sequence[int]) -> list[slice]:
    """Parts of these sizes, end to end."""
    ends = list(accumulate(sizes, initial=0))
    return [slice(*bounds) for bounds in pairwise(ends)]
