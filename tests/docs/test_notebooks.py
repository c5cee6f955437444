"""docs/notebooks.md: its cells, one after another in one namespace, as a kernel runs them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot

import rather

CELL = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SMALL = {
    "DTYPE": "float32",
    "SAMPLE__MAX_NEW_TOKENS": "6",
    "EVALUATE__MAX_NEW_TOKENS": "6",
    "EVALUATE__NUM_SAMPLES_SHOWN": "1",
    "WATCH__MAX_NEW_TOKENS": "4",
    "REWARD__NUM_EPOCHS": "1",
    "PPO__BATCH_SIZE": "3",
    "PPO__NUM_COMPLETIONS": "2",
    "PPO__MAX_NEW_TOKENS": "5",
    "PPO__RULES__MIN_ACCURACY": "0",
    **{f"{stage}__ADAPTER__NUM_TOP_LAYERS": "1" for stage in ("REWARD", "PPO")},
}
"""The user's own settings, by the environment: the page does not name them."""

Shown = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def _drawn_nowhere() -> None:
    """Before there is a kernel: matplotlib would ask more of a stand-in than it has."""
    pyplot.switch_backend("agg")


@pytest.mark.slow
def test_its_cells_run_in_order_and_again(
    page: Callable[[str], str],
    tmp_path: Path,
    tiny_model: Path,
    shown: Shown,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RATHER_MODEL", str(tiny_model))
    for name, value in SMALL.items():
        monkeypatch.setenv(f"RATHER_{name}", value)
    monkeypatch.setattr("rather.progress.SECONDS_BETWEEN_LINES", 0.0)  # small stages show theirs
    rows = [{"prompt": f"What is good about the number {number}?"} for number in range(20)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")

    # enough, and alike enough, that a random model of two layers learns which is better
    pairs = [
        {"prompt": f"Say it, {n}.", "chosen": "Yes. Yes. Yes.", "rejected": "zzz zzz"}
        for n in range(60)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)), "utf-8")
    with rather.init("my-assistant", heldout_fraction=0.25) as project:
        project.import_file("pairs.jsonl")

    text = re.sub(r"num_steps=\d+", "num_steps=2", page("notebooks.md"))
    cells = CELL.findall(text)
    assert len(cells) == 3
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), names)

    assert names["tuned"].version == "ppo-1"
    assert {"step", "name", "value"} == set(names["frame"].columns)
    told = {text.partition(":")[0] for kind, text in shown if kind == "new"}
    assert {"sample", "simulated labeller concision", "step 1", "step 2"} <= told
    assert any(kind == "again" for kind, _ in shown)
    assert not re.search(r"\d+/\d+", capsys.readouterr().err)  # no bar or line beside them

    exec(compile(cells[0], "<cell>", "exec"), names)  # a cell may be run again
    assert names["tuned"].version == "ppo-1"
    names["project"].close()
