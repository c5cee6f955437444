"""Without the extra `train` people label, import, export and report; stages say what lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rather
from rather import extras, pipeline
from rather.cli.verbs import build_app
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


ARGUMENTS = {
    "import": ["--as", "pairs", "pairs.jsonl"],
    "export": ["--as", "trl"],
    "label": ["-n"],
    "invite": ["Ann"],
    "score": ["--prompt", "Why?", "--completion", "So."],
    "lineage": ["ppo-1"],
    "withdraw": ["--labeller", "Ann"],
    "forget": ["Ann"],
    "chat": ["--prompt", "Hello"],
    "plan": ["--model-size", "135M", "--gpus", "1xH100"],
    "completion": ["bash"],
}
"""What a verb cannot do without; of the others none waits for anybody."""


def without_training(folder: Path, *commands: list[str]) -> tuple[list[int], str]:
    """Exit codes, and all that was said on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
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
    exported = (tmp_path / "mine" / "export-trl" / "pairs.jsonl").read_text("utf-8").splitlines()
    assert len(exported) >= 9  # what was imported, and what the simulator decided
    assert (tmp_path / "mine" / "report.html").read_text("utf-8").rstrip().endswith("</html>")


def test_every_verb_works_or_names_the_extra(tmp_path: Path) -> None:
    verbs = [name for name in build_app("") if not name.startswith("-")]
    commands = [[verb, *ARGUMENTS.get(verb, [])] for verb in verbs if verb != "init"]
    codes, said = without_training(
        tmp_path,
        ["init", "."],
        *commands,  # what raises anything else ends the process
    )
    outcomes = dict(zip(["init", *(command[0] for command in commands)], codes, strict=True))
    lacking = {verb for verb, code in outcomes.items() if code == EnvironmentFault.exit_code}
    assert {"sample", "sft", "reward", "ppo", "dpo", "evaluate", "chat", "run", "demo"} <= lacking
    assert not {"init", "import", "export", "label", "invite", "status", "report"} & lacking
    assert said.count("pip install 'rather[train]'") == len(lacking)
    assert (
        "rather: `rather sample` runs a model and needs torch, transformers, safetensors, gguf, "
        "which this environment lacks: pip install 'rather[train]'.\n"
    ) in said


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
