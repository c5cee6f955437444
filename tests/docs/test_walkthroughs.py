"""README.md's loop and docs/getting-started.md, followed to the letter in an empty folder.

The model is a tiny one and the steps are few, by the environment, as a user may set them; a
declared simulator answers where people would, so that `rather label` comes back.
"""

import io
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rather.cli.app import main

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")
SMALL = {
    "DTYPE": "float32",
    "HELDOUT_FRACTION": "0.3",
    "LABEL__SIMULATE": "concision",
    "SAMPLE__MAX_NEW_TOKENS": "6",
    "EVALUATE__MAX_NEW_TOKENS": "6",
    "EVALUATE__NUM_SAMPLES_SHOWN": "1",
    "WATCH__MAX_NEW_TOKENS": "4",
    "PPO__NUM_STEPS": "2",
    "PPO__BATCH_SIZE": "3",
    "PPO__NUM_COMPLETIONS": "2",
    "PPO__MAX_NEW_TOKENS": "5",
    "PPO__RULES__MIN_ACCURACY": "0",
    **{f"{stage}__NUM_EPOCHS": "1" for stage in ("SFT", "REWARD", "DPO")},
    **{f"{stage}__ADAPTER__NUM_TOP_LAYERS": "1" for stage in ("SFT", "REWARD", "PPO", "DPO")},
}
QUESTIONS = [{"prompt": f"What is good about the number {number}?"} for number in range(12)]
# Enough, and alike enough, that a random model of two layers learns which is better.
PAIRS = [
    {"prompt": f"Say it, {n}.", "chosen": "Yes. Yes. Yes.", "rejected": "zzz zzz"}
    for n in range(60)
]
SHOWN = [{"prompt": f"Greet {n}.", "completion": "Hello."} for n in range(4)]

pytestmark = pytest.mark.slow


@pytest.fixture
def here(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with what a reader would have at hand; afterwards we are where we were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RATHER_MODEL", str(tiny_model))
    for name, value in SMALL.items():
        monkeypatch.setenv(f"RATHER_{name}", value)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))  # Ctrl-D ends a chat at once
    yield tmp_path
    sys.modules.pop("taste", None)


def write(folder: Path, name: str, rows: list[dict[str, str]]) -> None:
    (folder / name).write_text("\n".join(map(json.dumps, rows)), "utf-8")


WITHOUT_A_PERSON = {"chat": ["--prompt", "Hello"], "serve": ["-n"]}
"""What stands for the person that a command would wait for."""


def follow(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Give the commands of one line to rather, and `cd` where it says so."""
    for command in line.partition("  #")[0].split(" && "):
        words = shlex.split(command)
        if words[0] == "cd":
            os.chdir(words[1])
            continue
        assert words[0] == "rather"
        code = main([*words[1:], *WITHOUT_A_PERSON.get(words[1], [])])
        said = capsys.readouterr()
        assert code == 0, f"{command}: {said.err}"


def blocks(page: str) -> Iterator[tuple[str, str]]:
    return iter(FENCED.findall((ROOT / page).read_text("utf-8")))


def test_the_loop_of_the_readme(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (loop,) = [block for _, block in blocks("README.md") if block.startswith("rather init")]
    lines = loop.splitlines()
    assert len(lines) == 10
    follow(lines[0], capsys)
    write(here / "my-assistant", "questions.jsonl", QUESTIONS)
    write(here / "my-assistant", "pairs.jsonl", PAIRS)
    follow("rather import pairs.jsonl", capsys)  # so that the reward model may be believed
    for line in lines[1:]:
        follow(line, capsys)
    assert (here / "my-assistant" / "rounds" / "003" / "report.html").is_file()
    (after,) = [block for _, block in blocks("README.md") if block.startswith("rather chat")]
    for line in after.splitlines():
        follow(line, capsys)


def test_getting_started(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = list(blocks("docs/getting-started.md"))
    (taste,) = [block for _, block in page if "def score" in block]
    num_commands = 0
    for language, block in page:
        if block.startswith("{"):  # the questions, which begin what the reader has in the folder
            write(Path(), "questions.jsonl", [*map(json.loads, block.splitlines()), *QUESTIONS])
            write(Path(), "pairs.jsonl", PAIRS)
            write(Path(), "shown.jsonl", SHOWN)
            Path("taste.py").write_text(taste, "utf-8")
            follow("rather import shown.jsonl", capsys)
        for line in block.splitlines() if not language else []:
            if is_followed(line):
                follow(line, capsys)
                num_commands += 1
    assert num_commands >= 18
    assert (here / "my-assistant" / "report.html").is_file()


def is_followed(line: str) -> bool:
    """Not what stands for something else, nor what writes into the user's own shell."""
    is_command = line.startswith(("rather ", "cd ")) and not PLACEHOLDER.search(line)
    return is_command and "rather completion" not in line
