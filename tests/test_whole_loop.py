"""The whole loop through the command line: every verb once, in the order a newcomer meets them."""

import io
import json
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from transformers import Lfm2Config, Lfm2ForCausalLM

from rather.cli.app import main
from rather.models.source import read_json
from rather.training import checkpoints

pytestmark = pytest.mark.slow  # they train, again and again

BABYLLAMA = Path(__file__).parents[2] / "shared" / "data" / "models" / "babyllama-tok105" / "hf"
PROMPTS = [f"What would you rather have, the tea or {n} coffees?" for n in range(16)]
KEPT = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
)
"""What the tiny model shares with its twin of another architecture."""
TRAINING = ("sft", "reward", "ppo", "dpo")
SMALL = {
    "dtype": "float32",
    "heldout-fraction": "0.25",
    "sample.num-completions": "3",
    "sample.max-new-tokens": "12",
    "rules.contains": "e",
    "ppo.num-steps": "2",
    "ppo.batch-size": "4",
    "ppo.num-completions": "2",
    "ppo.max-new-tokens": "8",
    "evaluate.max-new-tokens": "12",
}


@dataclass
class Shell:
    """Runs commands in one workspace and keeps what each printed."""

    root: Path
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, command: str, *more: str) -> dict[str, Any]:
        """Run a command with --json; it must succeed and print one object, nothing else."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*command.split(), *more, "--workspace", str(self.root), "--json"])
        assert code == 0, err.getvalue()
        result: dict[str, Any] = json.loads(out.getvalue(), parse_constant=pytest.fail)
        self.results.setdefault(command.split()[0], result)
        return result

    def init(self, model: Path, settings: dict[str, str]) -> None:
        """Make the workspace with these settings as its rather.yaml."""
        flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
        with redirect_stdout(io.StringIO()):
            assert main(["init", str(self.root), "--model", str(model), *flags]) == 0


def write_rows(path: Path, rows: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Shell:
    """Everything once; the tests look at what came of it."""
    folder = tmp_path_factory.mktemp("loop")
    shell = Shell(folder / "mine")
    shell.init(tiny_model, SMALL)
    shell("import", write_rows(folder / "asked.jsonl", [{"prompt": text} for text in PROMPTS]))
    shell("sample")
    shell("label --simulate rules")
    shown = [{"prompt": text, "completion": "The tea, please."} for text in PROMPTS]
    shell("import --as demonstrations", write_rows(folder / "shown.jsonl", shown))
    shell("sft")
    shell("reward --reward.start sft-1")
    shell("ppo --ppo.start sft-1 --force")
    shell("dpo --dpo.start sft-1")
    shell("evaluate")
    shell("report")
    shell("export --as trl")
    shell("score --prompt Tea? --completion Yes.")
    shell("chat --prompt Tea?")
    shell("doctor --ppo.start sft-1 --dpo.start sft-1")
    shell("status")
    return shell


@pytest.mark.parametrize(
    ("verb", "keys"),
    [
        ("import", "kind rows prompts judgments rejected new_prompts new_judgments"),
        ("sample", "stored duplicates tokens too_long"),
        ("label", "judgments labeller is_simulated"),
        ("sft", "version path run_id metrics left_out"),
        ("reward", "version path run_id metrics left_out"),
        ("ppo", "version path run_id metrics left_out"),
        ("dpo", "version path run_id metrics left_out"),
        ("evaluate", "run_id baseline num_prompts settings scorers prompts models"),
        ("report", "report"),
        ("export", "out files counts dropped"),
        ("score", "model scores"),
        ("chat", "replies"),
        ("doctor", "counts findings"),
        ("status", "workspace model prompts completions judgments versions runs next"),
    ],
)
def test_every_verb_prints_what_it_promises(verb: str, keys: str, loop: Shell) -> None:
    assert {"summary", *keys.split()} <= set(loop.results[verb])
    assert loop.results[verb]["summary"]


def test_the_numbers_add_up(loop: Shell) -> None:
    results = loop.results
    assert results["import"]["new_prompts"] == 16
    assert results["sample"]["stored"] + results["sample"]["duplicates"] == 16 * 3
    judgments = results["status"]["judgments"]
    assert judgments["pair"] == {"people": 0, "simulated": results["label"]["judgments"]}
    assert judgments["demonstration"] == {"people": 16, "simulated": 0}
    assert results["status"]["versions"] == ["sft-1", "reward-1", "ppo-1", "dpo-1"]
    assert {run["status"] for run in results["status"]["runs"]} == {"done"}
    assert results["status"]["next"] == "rather report"
    held_out = results["status"]["prompts"]["heldout"]
    assert 0 < held_out < 16
    assert results["evaluate"]["num_prompts"] == held_out
    assert set(results["evaluate"]["models"]) == {"base", "sft-1", "dpo-1", "ppo-1"}


def test_only_training_prompts_were_learnt_from(loop: Shell) -> None:
    num_held_out = len(loop.results["evaluate"]["prompts"])
    card = json.loads((loop.root / loop.results["sft"]["path"] / "rather.json").read_text())
    assert card["num_demonstrations"] == 16 - num_held_out


@pytest.mark.parametrize("stage", TRAINING)
def test_the_same_command_again_has_nothing_to_do(stage: str, loop: Shell) -> None:
    start = "" if stage == "sft" else f" --{stage}.start sft-1"
    again = loop(f"{stage}{start}")
    assert again["summary"] == f"{stage}-1 is done already."
    assert again["run_id"] == loop.results[stage]["run_id"]
    assert again["metrics"] == loop.results[stage]["metrics"]


def test_sampling_and_labelling_go_on_where_they_were(loop: Shell) -> None:
    given_up = loop.results["sample"]["duplicates"]  # drawn again, and in vain again
    again = loop("sample")
    assert (again["stored"], again["duplicates"]) == (0, given_up)
    assert loop("label --simulate rules")["judgments"] == 0


@pytest.mark.parametrize(
    "command",
    ["sample --num-completions 9", "label --simulate concision", "sft --seed 1", "reward --seed 1",
     "ppo --seed 1", "dpo --seed 1", "evaluate base", "report", "export --as jsonl", "run"],
)  # fmt: skip
def test_a_dry_run_changes_nothing(command: str, loop: Shell) -> None:
    def state() -> tuple[dict[str, Any], list[tuple[str, int]]]:
        files = [path for path in loop.root.rglob("*") if not path.name.startswith("rather.db")]
        known = sorted((str(path), path.stat().st_mtime_ns) for path in files if path.is_file())
        return loop("status"), known

    before = state()
    assert loop(f"{command} -n")["summary"].startswith("would ")
    assert state() == before


def test_the_report_needs_no_other_file(loop: Shell) -> None:
    page = Path(loop.results["report"]["report"]).read_text("utf-8")
    assert "<svg" in page
    links = set(re.findall(r"(?:src|href)=[\"'](?!#|data:)([^\"']+)", page))
    assert links == {"report.json"}  # the same numbers for programs; the page does without
    assert re.findall(r"@import|<link\b|<script\b[^>]*\bsrc\b", page) == []


def test_exported_pairs_can_be_imported_elsewhere(
    loop: Shell, tmp_path: Path, tiny_model: Path
) -> None:
    counts = loop.results["export"]["counts"]
    other = Shell(tmp_path / "other")
    other.init(tiny_model, {})
    pairs = Path(loop.results["export"]["out"]) / "pairs.jsonl"
    imported = other("import", str(pairs))
    assert imported["kind"] == "pairs"
    assert imported["judgments"] == counts["pairs.jsonl"] > 0
    everything = loop("export --as jsonl", "--out", str(tmp_path / "all.jsonl"))
    third = Shell(tmp_path / "third")
    third.init(tiny_model, {})
    assert third("import", everything["out"])["new_judgments"] == everything["counts"]["judgments"]


def test_a_killed_stage_goes_on(loop: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["ppo", "--force", "--seed", "7", "--checkpoint-every", "1", "-w", str(loop.root)]
    # Stopped before the second checkpoint: the first step is safe, the run is not done.
    save, saved = checkpoints.save, list[int]()

    def fail_at_the_second(directory: Path, learner: Any, done: int, kept: Any) -> None:
        if done == 2:
            raise KeyboardInterrupt
        save(directory, learner, done, kept)
        saved.append(done)

    monkeypatch.setattr(checkpoints, "save", fail_at_the_second)
    assert main(command) == 130
    assert saved == [0, 1]
    assert loop("status")["next"] == "rather ppo (goes on where it stopped)"
    monkeypatch.setattr(checkpoints, "save", save)
    err = io.StringIO()
    with redirect_stderr(err), redirect_stdout(io.StringIO()):
        assert main(command) == 0
    assert "going on after step 1" in err.getvalue()


@pytest.mark.skipif(not BABYLLAMA.is_dir(), reason="the development model is not on this machine")
def test_the_loop_on_a_real_model(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "stories")
    shell.init(BABYLLAMA, SMALL | {"sample.max-new-tokens": "40", "label.simulate": "vader"})
    names = ("cat", "dog", "boy", "girl", "bird", "bee", "fish", "frog", "bear", "bunny", "duck")
    stories = [{"prompt": f"Once upon a time, there was a {name}"} for name in names]
    shell("import", write_rows(tmp_path / "stories.jsonl", stories))
    shell("sample")
    assert shell("label")["is_simulated"] is True
    shell("reward")
    assert shell("ppo --force")["version"] == "ppo-1"
    judged = shell("evaluate")["models"]["ppo-1"]
    # What the model writes is English, which a wrong tokenizer or position would spoil at once.
    assert judged["base_perplexity"] < 10
    assert abs(judged["kl"]) < 20  # an estimate from three answers, so it may be negative


@pytest.mark.parametrize("tuning", ["lora", "top_layers"])
def test_an_architecture_that_cannot_be_packed_goes_the_whole_way(
    tuning: str, tiny_model: Path, tmp_path: Path
) -> None:
    """Convolutions between its attention layers: batches are padded, everything else is equal."""
    config = Lfm2Config(
        **{
            key: value
            for key, value in read_json(tiny_model / "config.json").items()
            if key in KEPT
        },
        layer_types=["conv", "full_attention"],
    )
    shutil.copytree(tiny_model, tmp_path / "model")
    Lfm2ForCausalLM(config).save_pretrained(tmp_path / "model")
    shell = Shell(tmp_path / "mine")
    top = {"top_layers": {"adapter.num-top-layers": "1"}, "lora": {}}[tuning]
    tuned = {f"{stage}.adapter.tuning": tuning for stage in TRAINING}
    more = {f"{stage}.{name}": value for stage in TRAINING for name, value in top.items()}
    shell.init(tmp_path / "model", {**SMALL, **tuned, **more})
    shell("import", write_rows(tmp_path / "asked.jsonl", [{"prompt": text} for text in PROMPTS]))
    shell("sample")
    shell("label --simulate rules")
    shell("reward")
    shell("ppo --force")
    shell("dpo")
    assert "padded instead of packed" in json.dumps(shell("doctor"))
    assert {"ppo-1", "dpo-1"} <= set(re.findall(r"(?:ppo|dpo)-1", json.dumps(shell("evaluate"))))
