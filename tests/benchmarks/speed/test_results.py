"""Result files: one workload's numbers replace its older ones and leave the others."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.speed import results

AUTHOR = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")


def test_a_measurement_replaces_its_older_self(tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    results.keep(file, "reward", {"tokens": 1})
    results.keep(file, "dpo", {"tokens": 2})
    results.keep(file, "reward", {"tokens": 3})
    kept = json.loads(file.read_text("utf-8"))
    assert {name: one["tokens"] for name, one in kept.items()} == {"reward": 3, "dpo": 2}
    assert kept["dpo"]["machine"]["cores"] >= 1
    assert kept["dpo"]["revision"] and kept["dpo"]["measured_at"]


def test_what_is_kept_of_this_revision_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, asked = tmp_path / "speed.json", {"repeats": 5, "systems": ["ours", "TRL 1.16"]}
    monkeypatch.setattr(results, "revision", lambda: "4867df7")
    assert not results.is_kept(file, "reward", asked)
    results.keep(file, "reward", {"failed": {}}, asked)
    results.keep(file, "dpo", {"failed": {"TRL 1.16": "ended with code 1"}}, asked)
    results.keep(file, "other", {"failed": {}})
    assert results.is_kept(file, "reward", asked)
    assert not results.is_kept(file, "dpo", asked)
    assert not results.is_kept(file, "other", asked)
    assert not results.is_kept(file, "reward", asked | {"repeats": 3})
    assert not results.is_kept(file, "reward", asked | {"systems": ["ours"]})
    for other in ("5e27265", "4867df7+", results.UNKNOWN):
        monkeypatch.setattr(results, "revision", lambda other=other: other)
        assert not results.is_kept(file, "reward", asked), other


def test_what_is_committed_meanwhile_was_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "speed.json"
    monkeypatch.setattr(results, "revision", lambda: "5e27265")
    results.keep(file, "reward", {}, {"repeats": 5}, "4867df7")
    assert json.loads(file.read_text("utf-8"))["reward"]["revision"] == "4867df7"
    assert not results.is_kept(file, "reward", {"repeats": 5})


def test_of_changed_files_nothing_is_taken_as_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "speed.json"
    monkeypatch.setattr(results, "revision", lambda: "4867df7+")
    results.keep(file, "reward", {"failed": {}}, {"repeats": 5})
    assert not results.is_kept(file, "reward", {"repeats": 5})


def test_a_revision_is_marked_by_changes_other_than_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "benchmarks" / "results"
    folder.mkdir(parents=True)
    monkeypatch.setattr(results, "FOLDER", folder)
    assert results.revision() == results.UNKNOWN
    code, kept = tmp_path / "code.py", folder / "speed.json"
    for file in (code, kept):
        file.write_text("1\n", "utf-8")
    for command in (["init", "--quiet"], ["add", "."], [*AUTHOR, "commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    clean = results.revision()
    assert re.fullmatch("[0-9a-f]{7,}", clean)
    kept.write_text("2\n", "utf-8")
    assert results.revision() == clean
    code.write_text("2\n", "utf-8")
    assert results.revision() == clean + "+"


def test_a_spread() -> None:
    assert results.spread([3.0, 1.0, 2.0]) == "2.00 [1.00, 3.00]"
    assert results.spread([1.5]) == "1.50"
