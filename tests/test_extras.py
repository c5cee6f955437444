"""Without the extra `train` people label, import, export and report; stages say what lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rather
from rather import extras, pipeline
from rather.errors import EnvironmentFault

SOURCE = Path(rather.__file__).parent.parent
# A Python that finds everything but what the extra brings, and runs commands given as JSON.
WITHOUT = """
import json, sys
from importlib.machinery import PathFinder

from rather.cli.app import main
from rather.extras import TRAINING

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        lacks = name.partition(".")[0] in (*TRAINING, "tokenizers", "peft", "accelerate")
        return None if lacks else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
print(json.dumps([main(command) for command in json.loads(sys.argv[1])]))
"""


def without_training(folder: Path, *commands: list[str]) -> tuple[list[int], str]:
    """Exit codes, and all that was said on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_labelling_needs_no_torch(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Question {n}?", "chosen": "Yes, gladly.", "rejected": "No!"} for n in range(9)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    codes, said = without_training(
        tmp_path,
        ["init", "mine"],
        *(
            [*command, "-w", "mine"]
            for command in (
                ["import", "pairs.jsonl"],
                ["label", "--simulate", "vader"],
                ["label", "-n"],
                ["invite", "Ann"],
                ["export", "--as", "trl"],
                ["status"],
                ["report"],
                ["forget", "Ann"],
                ["config"],
                ["withdraw", "--labeller", "imported"],
            )
        ),
    )
    assert codes == [0] * 11, said
    assert "9 judgments" in said
    assert (tmp_path / "mine" / "report.html").read_text("utf-8").rstrip().endswith("</html>")


def test_a_stage_names_the_extra_in_one_sentence(tmp_path: Path) -> None:
    stages = ["sample", "reward", "ppo", "dpo", "sft", "evaluate", "chat", "doctor", "run"]
    codes, said = without_training(
        tmp_path, ["init", "mine"], *([one, "-w", "mine"] for one in stages), ["demo", "-w", "d"]
    )
    assert codes == [0] + [EnvironmentFault.exit_code] * 10
    lines = said.splitlines()
    assert lines[0] == (
        "rather: `rather sample` runs a model and needs torch, transformers, safetensors, gguf, "
        "which this environment lacks: pip install 'rather[train]'."
    )
    assert len(lines) == 10


def test_only_what_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "TRAINING", ("json", "no_such_module"))
    with pytest.raises(EnvironmentFault, match="needs no_such_module, which"):
        extras.require_training("rather ppo")
    assert pipeline.ppo.__doc__  # what is marked keeps its name and its words
    assert pipeline.ppo.__name__ == "ppo"


def test_software_lists_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "THAT_CHANGE_RESULTS", ("pytest", "no-such-package"))
    assert extras.software().keys() == {"python", "pytest"}
    assert extras.software()["pytest"] == pytest.__version__
