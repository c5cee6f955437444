"""Cards by name, and what a processor reaches of its best."""

import pytest

from rather.errors import UsageError
from rather.planning.hardware import CARDS, Hardware, cards_of


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [("8xH100", "H100", 8), ("h100", "H100", 1), ("2 × A100-40", "A100-40", 2), ("L4", "L4", 1)],
)
def test_so_many_of_a_card(text: str, name: str, count: int) -> None:
    found = cards_of(text)
    assert (found.name, found.count) == (name, count)
    assert found.memory == CARDS[name][0] * 1e9


@pytest.mark.parametrize("text", ["8xH1000", "0xH100", "", "H100 x 8", "many"])
def test_what_is_not_known_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(UsageError, match="is not known; write it like 8xH100, with one of H200"):
        cards_of(text)


def test_the_faster_a_processor_s_products_the_smaller_the_share_they_reach() -> None:
    slow = Hardware("slow", 1, 1e9, 1e11, 0.9e11, 1e10, 1e9, is_cpu=True)
    fast = Hardware("fast", 1, 1e9, 1e12, 1e11, 1e10, 1e9, is_cpu=True)
    wide = Hardware("wide", 1, 1e9, 1e11, 1e11, 1e10, 1e9, is_cpu=True)
    # a GFLOP takes 1/72 s of products and 27 MB at 10 GB/s; ten times as fast, 1/720 s
    assert slow.reached(2) == pytest.approx(1e9 / (0.0138889 + 0.0027), rel=1e-4)
    assert fast.reached(2) == pytest.approx(1e9 / (0.00138889 + 0.0027), rel=1e-4)
    # as fast in float32: what is copied for that moves 22 MB more
    assert wide.reached(2) == pytest.approx(1e9 / (0.0138889 + 0.0049), rel=1e-4)
    assert fast.reached(4) == wide.reached(4) == 0.6e11
    assert cards_of("H100").reached(2) == 0.35 * 989e12
