"""Bad input: one sentence, the right exit code, nothing lost, no traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import rather
from rather.cli.app import main
from rather.store import completions, judgments, prompts, runs, versions
from rather.workspace import Workspace

SOURCE = Path(rather.__file__).parent.parent
Refused = Callable[..., str]


@pytest.fixture
def ws(tmp_path: Path, tiny_model: Path) -> Path:
    """A workspace on the tiny model with five prompts, one of them held out, and some answers."""
    root = tmp_path / "mine"
    settings = ["--dtype", "float32", "--sample.num-completions", "2"]
    assert main(["init", str(root), "--model", str(tiny_model), *settings]) == 0
    (tmp_path / "asked.jsonl").write_text("".join(f'{{"prompt": "Why {n}?"}}\n' for n in range(5)))
    assert main(["import", str(tmp_path / "asked.jsonl"), "-w", str(root)]) == 0
    return root


@pytest.fixture
def refused(ws: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must fail with a code; returns its one sentence."""

    def run(code: int, *command: str) -> str:
        before = held(ws)
        capsys.readouterr()
        assert main([*command, "-w", str(ws)]) == code
        out, err = capsys.readouterr()
        *said, sentence = err.splitlines()
        assert out == ""
        assert sentence.startswith("rather: ")
        assert not any("Traceback" in line for line in said)
        assert held(ws) == before
        return sentence.removeprefix("rather: ")

    return run


def held(root: Path) -> tuple[int, ...]:
    """How much a workspace holds, whatever its marker says."""
    marker = (root / "workspace.json").read_text()
    config = (root / "rather.yaml").read_text()
    (root / "workspace.json").write_text('{"format": 1}')
    (root / "rather.yaml").write_text("")
    with Workspace.open(root) as ws:
        counts = (
            sum(prompts.count(ws.db).values()),
            sum(completions.count(ws.db).values()),
            len(judgments.all(ws.db)),
            len(versions.all(ws.db)),
        )
    (root / "workspace.json").write_text(marker)
    (root / "rather.yaml").write_text(config)
    return counts


def rows(path: Path, *lines: object) -> str:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n")
    return str(path)


def test_a_missing_file(refused: Refused) -> None:
    assert refused(3, "import", "nowhere.jsonl") == (
        "There is no file nowhere.jsonl; check the path."
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"prompt": "c"', "the line is not JSON"),
        ({"prompt": "c", "chosen": "x"}, "rejected is missing"),
        ({"prompt": "c", "chosen": "x", "rejected": " "}, "rejected is empty"),
        ({"prompt": "c", "chosen": "x", "rejected": 4}, "rejected must be a text, it is a int"),
        ({"prompt": "c", "chosen": "x", "rejected": "x"}, "rejected is identical to"),
        ({"prompt": "", "chosen": "x", "rejected": "y"}, "prompt is empty"),
        (["c", "x", "y"], "the row must be an object, it is a list"),
    ],
)
def test_a_malformed_row(
    row: object, said: str, ws: Path, refused: Refused, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    good = [{"prompt": p, "chosen": "Yes.", "rejected": "No."} for p in ("one", "two")]
    file = rows(tmp_path / "pairs.jsonl", good[0], row, good[1])
    sentence = refused(3, "import", file, "--as", "pairs")
    assert sentence.startswith(f"{file}:2: ")
    assert said in sentence
    assert main(["import", file, "--on-error", "skip", "--json", "-w", str(ws)]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert (result["rows"], result["new_judgments"], len(result["rejected"])) == (3, 2, 1)
    assert said in err


def test_an_empty_completion_cannot_be_scored(refused: Refused, tmp_path: Path) -> None:
    file = rows(tmp_path / "texts.jsonl", {"prompt": "a", "completion": "b"}, {"prompt": "a"})
    assert refused(3, "score", file) == f'{file}:2: "completion" is missing or not a text.'


def test_a_prompt_longer_than_the_context_is_left_out_and_named(
    ws: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A token a byte, a context of 256: this one has 300, and the others must not suffer for it.
    assert main(["import", rows(tmp_path / "l.jsonl", {"prompt": "x" * 300}), "-w", str(ws)]) == 0
    capsys.readouterr()
    assert main(["sample", "--max-new-tokens", "4", "--json", "-w", str(ws)]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert (result["stored"], result["too_long"]) == (10, 2)
    assert "it is longer than the context of base" in err


def test_a_message_longer_than_the_context(refused: Refused) -> None:
    said = refused(3, "chat", "--prompt", "x" * 300)
    assert "tokens and the model's context is 256; shorten it or remove it." in said


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        ("rm weights", 3, "has no weights; save the model as safetensors."),
        ("pickle", 3, "has only pickled weights, which can run code"),
        ("auto_map", 3, "names code to run (auto_map); rather runs no code from a model."),
        ("script", 3, "modeling.py is code inside a model folder"),
        ("cut weights", 3, "cannot be loaded: "),
        ("broken config", 3, "config.json is not valid JSON"),
        ("unknown kind", 3, "cannot be loaded: "),
        ("rm tokenizer", 3, "has no tokenizer that can be loaded"),
    ],
)
def test_a_model_folder_that_must_not_or_cannot_be_loaded(
    damage: str, code: int, said: str, refused: Refused, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights, config = folder / "model.safetensors", folder / "config.json"
    match damage:
        case "rm weights":
            weights.unlink()
        case "pickle":
            weights.rename(folder / "pytorch_model.bin")
        case "auto_map":
            values = json.loads(config.read_text()) | {"auto_map": {"AutoModel": "code.Model"}}
            config.write_text(json.dumps(values))
        case "script":
            (folder / "modeling.py").write_text("raise SystemExit('this ran')")
        case "cut weights":
            weights.write_bytes(weights.read_bytes()[:5000])
        case "broken config":
            config.write_text("{")
        case "unknown kind":
            config.write_text('{"model_type": "nobody_knows"}')
        case "rm tokenizer":
            for file in folder.glob("tokenizer*"):
                file.unlink()
    sentence = refused(code, "chat", "--prompt", "hi", "--model", str(folder))
    assert said in sentence
    assert str(folder) in sentence


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sample --models nobody", "There is no model named nobody: give `embedded`, a folder"),
        ("chat --prompt hi --model nobody", "There is no model named nobody"),
        ("evaluate ppo-9", "There is no version ppo-9; this workspace has none yet."),
        ("dpo --start sft-9", "There is no version sft-9; this workspace has none yet."),
        ("score --model reward-9 --prompt a --completion b", "has no reward model yet: train one"),
        ("ppo --reward reward-9", "has no reward model yet: train one with `rather reward`."),
        ("score --prompt a --completion b", "has no reward model yet: train one with"),
        ("evaluate", "There is no version to evaluate yet; train one with `rather ppo`."),
        ("label --simulate vadr", "There is no gold score `vadr`: did you mean `vader`"),
        ("ppo --reward vadr", "There is no gold score `vadr`: did you mean `vader`"),
        ("ppo --reward 0.5*", "ppo.reward: '0.5*' is not a reward"),
    ],
)
def test_a_name_nobody_has(command: str, said: str, ws: Path, refused: Refused) -> None:
    assert said in refused(2, *command.split())
    with Workspace.open(ws) as opened:
        assert runs.all(opened.db) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("label", "There is nothing to compare yet; run `rather sample` first."),
        ("label --simulate vader", "There is nothing to judge yet; run `rather sample` first."),
        ("sft", "There are no demonstrations on training prompts to learn from; try `rather"),
        ("reward", "There are no comparisons on training prompts to learn from; try `rather"),
        ("dpo", "There are no comparisons on training prompts to learn from; try `rather"),
    ],
)
def test_a_stage_whose_turn_has_not_come(command: str, said: str, refused: Refused) -> None:
    assert refused(3, *command.split()).startswith(said)


def test_nothing_to_answer(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(tmp_path / "empty")
    assert main(["init", root, "--model", str(tiny_model)]) == 0
    assert main(["sample", "-w", root]) == 3
    assert "There are no prompts yet; bring some with `rather import" in capsys.readouterr().err


def test_a_workspace_of_a_newer_version(ws: Path, refused: Refused) -> None:
    (ws / "workspace.json").write_text('{"format": 2}')
    said = refused(2, "status")
    assert "was made by a newer version of rather (workspace format 2, this one reads 1)" in said


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("ppo:\n  kl_coef: 1", "rather.yaml:2: ppo.kl_coef is not a setting; did you mean ppo.kl"),
        ("ppoo:\n  num_steps: 1\n  clip_range: 1", "rather.yaml:2: ppoo is not a setting; did"),
    ],
)
def test_a_misspelt_setting_is_found_before_a_model_is(
    yaml: str, said: str, ws: Path, refused: Refused
) -> None:
    (ws / "rather.yaml").write_text(f"{yaml}\n")
    sentence = refused(2, "ppo", "--model", "this/is-never-looked-for")
    assert sentence.startswith(said)


@pytest.mark.parametrize("place", ["file.opened", "file.written", "file.replaced"])
def test_a_full_disk_keeps_the_old_file(
    place: str, ws: Path, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "all.jsonl"
    assert main(["export", "--as", "jsonl", "--out", str(out), "-w", str(ws)]) == 0
    before = out.read_bytes()
    monkeypatch.setenv("RATHER_FAILPOINT", f"{place}:enospc")
    said = refused(5, "export", "--as", "jsonl", "--out", str(out))
    assert said.startswith(f"disk full: {out} could not be written; free some space")
    assert out.read_bytes() == before


def test_a_store_that_cannot_grow_keeps_what_it_has(ws: Path, tmp_path: Path) -> None:
    many = rows(tmp_path / "many.jsonl", *({"prompt": f"{n} " + "why " * 50} for n in range(2000)))
    before = held(ws)
    limit = (ws / "rather.db").stat().st_size + 100_000
    script = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from rather.cli.app import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "import", many, "-w", str(ws)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert "could not be written to disk; check free space" in done.stderr
    assert done.stderr.count("\n") == 1
    assert held(ws) == before
    assert main(["import", many, "-w", str(ws)]) == 0
    assert held(ws)[0] == before[0] + 2000
