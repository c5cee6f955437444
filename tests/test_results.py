"""Results as dataclasses, tables and data frames."""

import sys
from dataclasses import dataclass

import pytest

from rather.errors import EnvironmentFault
from rather.results import Evaluation, Result, Table, Trained


@dataclass(frozen=True)
class Point:
    x: int
    y: float


def test_a_result_has_its_fields_and_all_the_rest() -> None:
    said = {"summary": "ppo-1 is ready.", "version": "ppo-1", "path": "models/ppo-1", "other": 7}
    made = Trained.of(said)
    assert (made.version, made.path, made.metrics, made["other"]) == (
        "ppo-1",
        "models/ppo-1",
        {},
        7,
    )
    assert str(made) == "ppo-1 is ready."
    assert "other" not in repr(made)
    assert str(Result.of({"summary": "short", "text": "a page"})) == "a page"


def test_a_table_is_a_sequence_of_records() -> None:
    table = Table([Point(1, 0.5), Point(2, 1.5), Point(3, 2.5)])
    assert [one.x for one in table] == [1, 2, 3]
    assert (table[-1], len(table[1:]), Point(2, 1.5) in table) == (Point(3, 2.5), 2, True)
    assert table[:1].to_records() == [{"x": 1, "y": 0.5}]
    assert repr(table) == "Table(3 records)"


def test_a_table_becomes_a_data_frame() -> None:
    frame = Table([Point(1, 0.5), Point(2, 1.5)]).to_frame()
    assert list(frame.columns) == ["x", "y"]
    assert frame["y"].sum() == 2.0


def test_an_evaluation_has_a_row_a_model() -> None:
    rate = {"value": 0.75, "low": 0.5, "high": 0.9, "n": 8}
    models = {
        "base": {"win_rates": {}, "kl": 0.0, "texts": ["a"], "mean_length": 9.0},
        "ppo-1": {"win_rates": {"gold": rate}, "kl": 2.5, "texts": ["b"], "mean_length": 7.0},
    }
    said = Evaluation.of({"summary": "", "baseline": "base", "num_prompts": 8, "models": models})
    assert said.to_records() == [
        {"model": "base", "kl": 0.0, "mean_length": 9.0},
        {
            "model": "ppo-1", "kl": 2.5, "mean_length": 7.0,
            "win_rate/gold": 0.75, "win_rate/gold/low": 0.5, "win_rate/gold/high": 0.9,
        },
    ]  # fmt: skip
    assert said.to_frame().set_index("model").loc["ppo-1", "win_rate/gold"] == 0.75


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(EnvironmentFault, match=r"pip install \'rather\[frames\]\'"):
        Table([Point(1, 0.5)]).to_frame()
