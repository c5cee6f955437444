"""Result files: one workload's numbers replace its older ones and leave the others."""

import json
from pathlib import Path

from benchmarks.speed import results


def test_a_measurement_replaces_its_older_self(tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    results.keep(file, "reward", {"tokens": 1})
    results.keep(file, "dpo", {"tokens": 2})
    results.keep(file, "reward", {"tokens": 3})
    kept = json.loads(file.read_text("utf-8"))
    assert {name: one["tokens"] for name, one in kept.items()} == {"reward": 3, "dpo": 2}
    assert kept["dpo"]["machine"]["cores"] >= 1
    assert kept["dpo"]["revision"] and kept["dpo"]["measured_at"]


def test_a_spread() -> None:
    assert results.spread([3.0, 1.0, 2.0]) == "2.00 [1.00, 3.00]"
    assert results.spread([1.5]) == "1.50"
