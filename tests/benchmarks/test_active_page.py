"""The table and the figure of the arms, and the page as published."""

import json
from pathlib import Path
from typing import Any

from active_page import PAGE, RESULTS, STYLES, draw, table


def arm(*numbers: float) -> dict[str, Any]:
    return {"accuracy": list(numbers), "error": [0.01] * len(numbers),
            "above_chance": [0.0, 0.02], "above_chance_error": [0.0, 0.005]}  # fmt: skip


RESULT = {"labels": [20, 40], "arms": {"chance": arm(0.6, 0.7), "chosen": arm(0.6, 0.72)}}


def test_the_table() -> None:
    assert table(RESULT).splitlines() == [
        "| labels | chance | chosen | less chance |",
        "|---|---|---|---|",
        "| 20 | 0.600 | 0.600 | +0.000 ± 0.000 |",
        "| 40 | 0.700 | 0.720 | +0.020 ± 0.005 |",
    ]


def test_the_figure_is_the_same_each_time(tmp_path: Path) -> None:
    draw(RESULT, tmp_path / "a.svg")
    draw(RESULT, tmp_path / "b.svg")
    first = (tmp_path / "a.svg").read_bytes()
    assert first == (tmp_path / "b.svg").read_bytes()
    assert b"<svg" in first


def test_what_is_published_are_the_results() -> None:
    result = json.loads(RESULTS.read_text("utf-8"))
    assert table(result) in PAGE.read_text("utf-8")
    assert set(result["arms"]) == set(STYLES)
    assert all(len(one["seeds"]) == result["size"]["num_seeds"] for one in result["arms"].values())
