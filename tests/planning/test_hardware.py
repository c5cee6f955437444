"""Cards by name."""

import pytest

from rather.errors import UsageError
from rather.planning.hardware import CARDS, cards_of


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
