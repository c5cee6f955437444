"""`rather plan`: what it says, and what it refuses."""

import json
from pathlib import Path

import pytest

from rather.cli.app import main
from rather.planning.shape import KNOWN


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    code = main(["plan", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No workspace is needed."""
    monkeypatch.chdir(tmp_path)


def test_a_plan_of_cards_that_are_not_here(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = planned(capsys, "--model-size", "8B", "--gpus", "8xH100", "--price", "2")
    assert (code, found["num_devices"], found["num_weights"]) == (0, 8, KNOWN["8B"].num_weights)
    assert [one["stage"] for one in found["stages"]] == ["sft", "reward", "ppo", "dpo"]
    assert all(one["fits"] for one in found["stages"])
    ppo = found["stages"][2]
    assert ppo["cost"] == pytest.approx(ppo["hours"] * 8 * 2)
    assert {(one["tuning"], one["advantage"]) for one in found["ppo_variants"]} == {
        (tuning, advantage)
        for tuning in ("lora", "top_layers", "full")
        for advantage in ("gae", "rloo")
    }


def test_what_cannot_fit_is_refused_and_said_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--model-size", "8B", "--gpus", "A10G", "--ppo.adapter.tuning", "full"]
    code, found = planned(capsys, *arguments)
    assert code == 5
    assert "ppo with tuning full needs" in found["error"]["message"]
    assert "PPO fits as top_layers with" in found["error"]["message"]
    assert [one["stage"] for one in found["stages"] if not one["fits"]][-2:] == ["ppo", "dpo"]


def test_longer_texts_take_more(capsys: pytest.CaptureFixture[str]) -> None:
    short = planned(capsys, "--model-size", "1B", "--gpus", "L4")[1]["stages"][2]
    long = planned(capsys, "--model-size", "1B", "--gpus", "L4", "--completion-tokens", "900")[1][
        "stages"
    ][2]
    assert long["peak_bytes"] > short["peak_bytes"]
    assert long["seconds_a_step"] > 3 * short["seconds_a_step"]


def test_a_page_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--model-size", "135M", "--gpus", "RTX-4090"]) == 0
    page = capsys.readouterr().out
    assert "135M model (0.135 billion weights) on 1 × RTX-4090, 24 GB each" in page
    assert "ppo, top_layers, rloo" in page
    assert page.rstrip().endswith("135M model on 1 × RTX-4090: every stage fits.")


def test_the_workspace_s_own_settings_are_planned(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = tmp_path / "mine"
    assert main(["init", str(root), "--model", "Some/Model-3B", "--ppo.batch-size", "1"]) == 0
    capsys.readouterr()
    code, found = planned(capsys, "-w", str(root), "--gpus", "A100")
    assert code == 0
    assert found["model"] == "Some/Model-3B, taken for a usual 3B"
    larger = planned(capsys, "-w", str(root), "--gpus", "A100", "--ppo.batch-size", "64")[1]
    assert larger["stages"][2]["seconds_a_step"] > found["stages"][2]["seconds_a_step"]


def test_a_name_that_tells_nothing_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, found = planned(capsys, "--model", "org/mystery", "--gpus", "H100")
    assert code == 2
    assert "cannot be told without downloading it; give --model-size" in found["error"]["message"]


def test_this_machine_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = planned(capsys, "--model-size", "135M")
    assert code == 0
    assert found["device"].endswith("cores")
    assert 0 < found["stages"][1]["seconds_a_step"] < 600
