"""The demo ends with one object, whose win rates anybody can compute again from the store."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rather
from rather import demo as room
from rather.config.optimization import Adapter
from rather.data.rows import read_rows
from rather.demo import FULL, QUICK, Size, demo, demo_config
from rather.errors import UsageError
from rather.feedback.concision import concision
from rather.progress import Progress
from rather.store import completions, judgments, prompts
from rather.workspace import Workspace

SOURCE = Path(rather.__file__).parent.parent
SMALLEST = Size(10, 3, 12, 1, 4, 2, False)
QUIET = Progress(quiet=True)


def check_promised_keys(result: dict[str, Any]) -> None:
    """What the demo's users may rely on, names and kinds."""
    top = {"reward_model", "ppo", "dpo", "base", "seconds", "peak_rss_bytes", "workspace", "report"}
    assert top <= set(result)
    assert set(result["reward_model"]) == {"accuracy", "n"}
    assert "gold_mean" in result["base"]
    for policy in (result["ppo"], result["dpo"]):
        assert {"gold_win_rate", "interval", "kl", "mean_length"} <= set(policy)
        low, high = policy["interval"]
        assert 0 <= low <= policy["gold_win_rate"] <= high <= 1
    assert result["peak_rss_bytes"] > 50_000_000  # torch alone takes more
    assert result["seconds"] > 0
    page = Path(result["report"]).read_text("utf-8")
    links = set(re.findall(r"(?:src|href)=[\"'](?!#|data:)([^\"']+)", page))
    assert links <= {"report.json"}


def check_gold_again(result: dict[str, Any]) -> None:
    """Count wins and half ties of the stored answers under the criterion itself."""
    (file,) = Path(result["workspace"]).glob("runs/evaluate-*/evaluation.json")
    models = json.loads(file.read_text("utf-8"))["models"]
    with Workspace.open(Path(result["workspace"])) as ws:
        asked = {prompt.id: prompt for prompt in prompts.all(ws.db)}
        stored = {one.id: one for one in completions.all(ws.db)}
        simulated = judgments.count(ws.db)["ranking"]
    answers = {
        name: [stored[completion_id] for completion_id in model["completions"]]
        for name, model in models.items()
    }
    assert {asked[one.prompt_id].split for row in answers.values() for one in row} == {"heldout"}
    scores = {
        name: [concision(asked[one.prompt_id], one.text) for one in row]
        for name, row in answers.items()
    }
    for stage in ("ppo", "dpo"):
        pairs = list(zip(scores[f"{stage}-1"], scores["base"], strict=True))
        wins = sum(1.0 if ours > theirs else 0.5 if ours == theirs else 0 for ours, theirs in pairs)
        assert result[stage]["gold_win_rate"] == pytest.approx(wins / len(pairs))
        lengths = [one.num_tokens for one in answers[f"{stage}-1"]]
        assert result[stage]["mean_length"] == pytest.approx(sum(lengths) / len(lengths))
    assert result["base"]["gold_mean"] == pytest.approx(sum(scores["base"]) / len(scores["base"]))
    assert simulated["people"] == 0 < simulated["simulated"]


@pytest.fixture
def tiny_demo(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo run on the tiny model, and do next to nothing."""
    monkeypatch.setattr(room, "QUICK", SMALLEST)
    config = demo_config(SMALLEST, 0)
    adapter = Adapter(tuning="top_layers", num_top_layers=1)
    stages = {
        name: getattr(config, name).model_copy(update={"adapter": adapter})
        for name in ("reward", "ppo", "dpo")
    }
    tiny = config.model_copy(update={"model": str(tiny_model), "dtype": "float32", **stages})
    monkeypatch.setattr(room, "demo_config", lambda size, seed: tiny)


def run_demo(directory: Path) -> dict[str, Any]:
    return demo(directory, quick=True, label=False, seed=0, progress=QUIET)


@pytest.mark.usefixtures("tiny_demo")
def test_its_numbers_can_be_counted_again(tmp_path: Path) -> None:
    result = run_demo(tmp_path / "demo")
    check_promised_keys(result)
    check_gold_again(result)
    again = run_demo(tmp_path / "demo")  # goes on where it stopped: nothing is left to do
    changing = {"seconds", "peak_rss_bytes"}
    assert {key: again[key] for key in again.keys() - changing} == {
        key: result[key] for key in result.keys() - changing
    }


@pytest.mark.usefixtures("tiny_demo")
def test_it_leaves_another_workspace_alone(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "mine").close()
    with pytest.raises(UsageError, match="holds another demo or workspace; choose a new folder"):
        run_demo(tmp_path / "mine")
    with Workspace.open(tmp_path / "mine") as ws:
        assert not any(prompts.count(ws.db).values())


def test_the_criterion_is_told_to_labellers() -> None:
    for size in (QUICK, FULL):
        config = demo_config(size, 3)
        assert "answers the question in one or two complete sentences" in config.label.guidelines
        assert config.label.simulate == config.evaluate.gold == "concision"
        assert config.evaluate.judge == "plain_reader"  # another function than the gold score
        assert config.seed == 3


def test_there_are_enough_packaged_prompts() -> None:
    file = Path(room.__file__).parent / "data" / "prompts" / "everyday.jsonl"
    assert len(list(read_rows(file))) >= FULL.num_prompts


@pytest.mark.slow
def test_the_quick_demo_on_the_embedded_model(tmp_path: Path) -> None:
    command = ["demo", "--quick", "--json", "--workspace", str(tmp_path / "demo")]
    done = subprocess.run(
        [sys.executable, "-m", "rather", *command],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    check_promised_keys(result)
    check_gold_again(result)
    assert result["peak_rss_bytes"] < 4 * 2**30
    assert result["base"]["perplexity"] < 50  # the base model's own answers are fluent
