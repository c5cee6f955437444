"""docs/rlhf-checklist.md: every row has a verdict, and everything it points to is there."""

import re
from collections import Counter
from collections.abc import Callable

import pytest

VERDICTS = ("done", "differently", "refused", "open")
NONE = "–"
Find = Callable[[str], list[str]]


@pytest.fixture
def checklist(page: Callable[[str], str]) -> str:
    return page("rlhf-checklist.md")


@pytest.fixture
def rows(checklist: str) -> list[list[str]]:
    """The tables' cells: [number of the item or none, detail, what rather does, where, test]."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in checklist.splitlines()
        if line.startswith("| ")
    ]
    found = [one for one in cells if one[-1] != "test"]
    return [one if len(one) == 5 else ["", *one] for one in found]


def verdict_of(row: list[str]) -> str:
    said = re.match(r"\*\*(\w+)\*\*", row[2])
    return said[1] if said else ""


def test_every_row_is_whole_and_has_a_verdict(rows: list[list[str]]) -> None:
    assert len(rows) > 100
    assert [row for row in rows if len(row) != 5 or not row[1]] == []
    assert [row[1] for row in rows if verdict_of(row) not in VERDICTS] == []


def test_every_item_with_a_number_is_there_once(rows: list[list[str]]) -> None:
    numbers = Counter(row[0] for row in rows if row[0])
    wanted = [*map(str, range(1, 24)), *(f"P{n}" for n in range(1, 33))]
    assert numbers == Counter(wanted)


def test_what_is_done_has_a_place_and_a_test(rows: list[list[str]]) -> None:
    bare = [
        row[1]
        for row in rows
        if verdict_of(row) in ("done", "differently")
        if ".py`" not in row[3] or not re.search(r"`tests/[\w/]+\.py` `test_", row[4])
    ]
    assert bare == []


def test_what_is_not_done_says_why(rows: list[list[str]]) -> None:
    silent = [
        row[1]
        for row in rows
        if verdict_of(row) != "done" and not re.match(r"\*\*\w+\*\*: \S", row[2])
    ]
    assert silent == []
    # a detail that is open has nothing to point to yet
    assert {cell for row in rows if verdict_of(row) == "open" for cell in row[3:]} <= {NONE}


def test_what_it_points_to_is_there(
    checklist: str, broken_pointers: Find, broken_links: Find, unknown_settings: Find
) -> None:
    assert broken_pointers(checklist) == []
    assert broken_links(checklist) == []
    assert unknown_settings(checklist) == []


def test_what_is_not_there_is_found(
    broken_pointers: Find, broken_links: Find, unknown_settings: Find
) -> None:
    text = "| a | `training/ppo.py` `Trainer.step` `nothing`, `training/nowhere.py` | `step` |"
    assert broken_pointers(text) == ["training/ppo.py nothing", "training/nowhere.py"]
    assert broken_pointers("`tests/test_house.py` `test_arrows_only_fall`") == []
    assert broken_links("[a](training.md#top) [b](no.md) [c](https://example.org)") == ["no.md"]
    assert unknown_settings("`ppo.kl.target_kl` `ppo.kl: {}` `ppo.klc` `torch.no`") == ["ppo.klc"]
