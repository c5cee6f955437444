"""docs/rounds.md: what it points to is there, and its commands can be given."""

from collections.abc import Callable

import pytest

Find = Callable[[str], list[str]]


@pytest.fixture
def rounds(page: Callable[[str], str]) -> str:
    return page("rounds.md")


def test_what_it_points_to_is_there(rounds: str, broken_links: Find, broken_pointers: Find) -> None:
    assert broken_links(rounds) == []
    assert broken_pointers(rounds) == []
