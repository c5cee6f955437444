"""Rows of a benchmark file: what is read, what is left out and named, what is measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.stages.measuring.benchmark import UNUSABLE, measured, read

GOOD: list[dict[str, Any]] = [
    {"prompt": "2 + 2?", "chosen": "4", "rejected": "5", "subset": "Math"},
    {"prompt": "2 + 3?", "chosen": ["5"], "rejected": ["4", "6", "7"], "subset": "Math"},
    {"prompt": "A colour?", "chosen": ["Red", "Blue"], "rejected": ["Dog"], "subset": "Ties"},
    {
        "prompt": [{"role": "user", "content": "Hi."}],
        "chosen": [{"role": "assistant", "content": "Hello."}],
        "rejected": [{"role": "assistant", "content": "No."}],
    },
]
BAD: list[dict[str, Any]] = [
    {"prompt": "A?", "chosen": ["b"], "rejected": []},
    {"prompt": "A?", "chosen": ["b", 3], "rejected": ["c"]},
    {"prompt": "A?", "chosen": ["b"], "rejected": ["c", "b"]},
    {"prompt": "A?", "a": "b", "b": "c", "label": "b"},
    {"prompt": "A?", "chosen": "b", "rejected": "c", "subset": 3},
    {"chosen": ["b"], "rejected": ["c"]},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_of_one_and_of_several_answers(tmp_path: Path) -> None:
    found = read(write(tmp_path / "bench.jsonl", GOOD))
    assert [(one.chosen, one.rejected, one.subset) for one in found.questions] == [
        (("4",), ("5",), "Math"),
        (("5",), ("4", "6", "7"), "Math"),
        (("Red", "Blue"), ("Dog",), "Ties"),
        (("Hello.",), ("No.",), "no subset"),
    ]
    assert found.questions[1].ranks == (1, 2, 2, 2)
    assert not found.left_out.counts


def test_a_row_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    found = read(write(tmp_path / "bench.jsonl", [GOOD[0], *BAD]))
    assert len(found.questions) == 1
    assert found.left_out.counts == {UNUSABLE: 6}
    said = found.left_out.examples[UNUSABLE]
    assert said[0].endswith("bench.jsonl:2: rejected must be a list of messages that is not empty")


def test_accuracy_counts_rows_and_calibration_pairs(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "bench.jsonl", GOOD[:3]))
    judged = [
        Judged(
            Row((1,), tuple((2,) * (place + 1) for place in range(len(one.ranks)))),
            (Opinion(tuple(range(len(one.ranks))), one.ranks),),
        )
        for one in rows.questions
    ]
    # right; above one of three; right, as both colours lie above the dog
    found = measured(rows, judged, [[[2.0, 1.0], [1.0, 0.0, 2.0, 3.0], [2.0, 1.0, 0.0]]])
    assert (found["accuracy"]["value"], found["accuracy"]["n"]) == (pytest.approx(2 / 3), 3)
    assert found["by_subset"]["Math"]["accuracy"]["value"] == 1 / 2
    assert found["by_subset"]["Ties"]["accuracy"]["value"] == 1.0
    assert found["mean_over_subsets"] == 3 / 4
    assert found["by_subset"]["Math"]["chance"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert found["by_subset"]["Ties"]["chance"] == pytest.approx(1 / 3)
    # the chosen answers are the shortest of their rows, but for the second colour
    assert (found["longer_wins"], found["shorter_wins"]) == (0.0, 1.0)
    assert sum(one["n"] for one in found["calibration"]["bins"]) == 1 + 3 + 2
