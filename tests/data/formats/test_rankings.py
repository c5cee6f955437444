"""Rows that rank K answers."""

from typing import Any

import pytest

from rather.data.collected import BadField
from rather.data.formats import rankings
from rather.feedback.ranking import Ranking

ROW = {"prompt": "Why?", "completions": ["One.", "Two.", "Three."], "ranks": [2, 1, 2]}


def test_a_ranking_names_its_completions_in_order() -> None:
    draft = rankings.read(ROW | {"labeller": "Ann"})
    ids = tuple(completion.id for completion in draft.completions)
    assert [completion.text for completion in draft.completions] == ["One.", "Two.", "Three."]
    assert draft.verdicts == (("Ann", Ranking(ids, (2, 1, 2))),)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"completions": ["One."]}, "completions"),
        ({"completions": ["One.", "One.", "Two."]}, "completions"),
        ({"completions": ["One.", " ", "Two."]}, "completions[1]"),
        ({"ranks": [1, 2]}, "ranks"),
        ({"ranks": [0, 1, 2]}, "ranks"),
        ({"ranks": [1, 2, 2.5]}, "ranks"),
        ({"ranks": None}, "ranks"),
    ],
)
def test_a_bad_row_names_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadField) as caught:
        rankings.read(ROW | change)
    assert caught.value.field == field
