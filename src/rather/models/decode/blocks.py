"""Batch invariance: the numbers of a row do not depend on what is computed beside it.

A product of other shapes sums in another order. In bfloat16 that moves a last digit now and then,
and after thirty layers a token. So each row is computed in products like those it would have alone:

- A prompt in blocks of so many tokens, counted from its beginning, whichever pieces it comes in.
- All else (rows that decode, and what adapters add) so few rows at once that oneDNN makes the same
  sums for one of them as for all.
- Each adapter's ranks begin where oneDNN begins to sum anew, and all together are as many as it
  takes to sum in the same way as more; zeros stand behind fewer.

The first holds by itself. The others were found by trial on processors with bfloat16 products
(avx512, amx); `tests/rollout/test_engine.py` tries them on the machine it runs on.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise

PROMPT_TOKENS = 64
ROWS = 32
RANKS, ALL_RANKS = 32, 64


class Blocks:
    """How the rows of the pass under way are cut into products."""

    def __init__(self) -> None:
        self._sizes: Sequence[int] | None = None

    @contextmanager
    def of_prompts(self, counts: Sequence[int]) -> Iterator[None]:
        """For this long, rows are the next tokens of prompts, so many of each, end to end."""
        self._sizes = [size for count in counts for size in _in_blocks(count, PROMPT_TOKENS)]
        try:
            yield
        finally:
            self._sizes = None

    def of(self, num_rows: int) -> list[slice]:
        """The rows of each product."""
        if self._sizes is None or sum(self._sizes) != num_rows:  # experts see some of the rows
            return self.few(num_rows)
        return _slices(self._sizes)

    def few(self, num_rows: int) -> list[slice]:
        """Rows that are summed in one way whatever is beside them."""
        return _slices(_in_blocks(num_rows, ROWS))


def _in_blocks(count: int, size: int) -> list[int]:
    """So many in blocks of a size, and what is left."""
    whole, rest = divmod(count, size)
    return [size] * whole + [rest] * bool(rest)


def _slices(sizes: Sequence[int]) -> list[slice]:
    """Parts of these sizes, end to end."""
    ends = list(accumulate(sizes, initial=0))
    return [slice(*bounds) for bounds in pairwise(ends)]
