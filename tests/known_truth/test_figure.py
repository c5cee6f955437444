"""The figure and the table, from results made by hand."""

from pathlib import Path

import pytest

from examples.known_truth.__main__ import as_json, as_table
from examples.known_truth.figure import draw
from examples.known_truth.results import Line, Method, Point, Results

UP = Line([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.5, 1.5, 1.0], 1)
RESULTS = Results(
    methods=[Method("PPO", 0.4, 0.003, 0.997, 1.0)],
    num_golds=4,
    single=UP,
    ensemble=UP,
    lines={"one reward model": UP, "ensemble": UP},
    points=[Point("ensemble", 0.5, 1.0, 1.4, 1.1, 1.5)],
)


@pytest.mark.parametrize("name", ["figure.svg", pytest.param("figure.png", marks=pytest.mark.slow)])
def test_it_is_drawn_the_same_every_time(tmp_path: Path, name: str) -> None:
    draw(RESULTS, tmp_path / name)
    first = (tmp_path / name).read_bytes()
    draw(RESULTS, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first
    assert len(first) > 5_000


def test_the_table_has_a_row_for_each() -> None:
    table = as_table(RESULTS)
    assert "| PPO | 0.400 | 0.0030 | 0.997 | 1.000 |" in table
    # the peak is the second place: √KL = 1
    assert "| ensemble | 0.50 | 1.50 | 1.00 | 1.00 | 4.00 |" in table
    assert "| ensemble | 0.5 | 1.00 | 1.10 | 1.40 | 1.50 |" in table


def test_the_json_has_names() -> None:
    found = as_json(RESULTS)
    assert found["tolerance"] == 0.02
    assert found["methods"] == [
        {"name": "PPO", "before": 0.4, "after": 0.003, "value": 0.997, "best": 1.0}
    ]
