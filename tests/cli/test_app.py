"""The shell's side: exit codes, one-sentence errors, one JSON object, a light start."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rather
from rather.cli import late
from rather.cli.app import main
from rather.errors import DataError, EnvironmentFault, RatherError, StoppedByRule, UsageError
from rather.workspace import Workspace

SOURCE = Path(rather.__file__).parent.parent
HEAVY = {"torch", "transformers", "peft", "fastapi", "pandas", "matplotlib"}


@pytest.fixture
def root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create_workspace: Callable[..., Workspace]
) -> Path:
    create_workspace(tmp_path).close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pipeline_that(monkeypatch: pytest.MonkeyPatch, outcome: BaseException | dict[str, Any]) -> None:
    class Pipeline:
        def status(self, ws: Workspace) -> dict[str, Any]:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

    monkeypatch.setattr(late, "pipeline", Pipeline)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("wrong flag."), 2),
        (DataError("bad row."), 3),
        (StoppedByRule("KL too high."), 4),
        (EnvironmentFault("disk full."), 5),
    ],
)
def test_an_error_is_one_sentence_and_its_code(
    error: RatherError,
    code: int,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pipeline_that(monkeypatch, error)
    assert main(["status"]) == code
    assert capsys.readouterr() == ("", f"rather: {error}\n")
    assert main(["status", "--json"]) == code
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": {"type": type(error).__name__, "message": str(error)}}
    assert err == f"rather: {error}\n"


def test_what_an_error_found_all_the_same_is_printed_first(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"summary": "2 checks", "findings": [1, 2], "text": "a page\nof text"}
    pipeline_that(monkeypatch, DataError("It is bad.", found))
    assert main(["status"]) == 3
    assert capsys.readouterr() == ("a page\nof text\n", "rather: It is bad.\n")
    assert main(["status", "--json"]) == 3
    out, err = capsys.readouterr()
    error = {"type": "DataError", "message": "It is bad."}
    assert json.loads(out) == {"summary": "2 checks", "findings": [1, 2], "error": error}
    assert err == "rather: It is bad.\n"


def test_an_interrupt_says_how_to_go_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline_that(monkeypatch, KeyboardInterrupt())
    assert main(["status"]) == 130
    assert capsys.readouterr().err == "rather: stopped; the same command goes on from here\n"


def test_our_own_mistakes_keep_their_traceback(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline_that(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["status"])


def test_people_get_the_summary_and_programs_one_object(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline_that(monkeypatch, {"summary": "3 prompts — ε", "num_prompts": 3})
    assert main(["status"]) == 0
    assert capsys.readouterr() == ("3 prompts — ε\n", "")
    assert main(["status", "--json"]) == 0
    assert capsys.readouterr().out == '{"summary": "3 prompts — ε", "num_prompts": 3}\n'


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ppoo", 'Unknown command "ppoo". Did you mean "ppo"?'),
        ("ppo --kl-coef 0.1", "Unknown option: --kl-coef. Did you mean --kl-coefficient?"),
        ("ppo --ppo.kl_coef 0.1", "--ppo.kl-coef. Did you mean --ppo.kl-coefficient?"),
        ("export --as trll", 'Invalid value "trll" for --as.'),
        ("export", "Give --as FORMAT to export the feedback, or --merge VERSION for a model."),
        ("export --as trl --merge ppo-1", "Give --as FORMAT"),
        ("export --as trl --precision float32", "give --merge VERSION with it"),
        ("import", 'Command "import" parameter --file requires an argument'),
        ("demo --seed many", 'Invalid value for --seed: unable to convert "many"'),
        ("ppo --num-steps many", "--ppo.num-steps: ppo.num_steps must be a valid integer"),
        ("status extra", "extra"),
    ],
)
def test_a_wrong_command_is_exit_code_2_with_a_hint(
    command: str, said: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rather: ")
    assert said in err
    assert err.count("\n") == 1


def test_help_lists_settings_with_range_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ppo", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for part in ("--ppo.clip-range", " --clip-range VALUE", "ε of the policy's ratio clip."):
        assert part in shown
    assert "< 1; default 0.2)" in shown
    assert "--rules.max-words" in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{rather.__version__}\n"


def loaded_by(arguments: list[str], cwd: Path) -> set[str]:
    """Return the modules a command loads."""
    script = (
        "import sys\nfrom rather.cli import main\ncode = main()\n"
        "print('|'.join(sys.modules), file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split("|"))


@pytest.mark.parametrize("command", ["--help", "ppo --help", "doctor --help", "status"])
def test_it_loads_nothing_heavy(command: str, root: Path) -> None:
    assert loaded_by(command.split(), root) & HEAVY == set()
