"""The shell's Tab key: verbs, flags and their values."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from rather.cli.app import main

ASK = """
source "$1"; COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _rather
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(script: Path, words: str) -> set[str]:
    """What bash offers for the last of these words."""
    done = subprocess.run(
        ["bash", "-c", ASK, "bash", str(script), words], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_offers_verbs_flags_and_choices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "rather.bash"
    script.write_text(capsys.readouterr().out, "utf-8")
    assert offered(script, "rather lin") == {"lineage"}
    assert offered(script, "rather ppo --num-st") == {"--num-steps"}
    assert offered(script, "rather dpo --kl-coef") == set()  # dpo has no such setting


@pytest.mark.parametrize(
    ("shell", "first"), [("zsh", "#compdef rather"), ("fish", "# Fish completion for rather")]
)
def test_other_shells(shell: str, first: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["script"].startswith(first)
    assert "kl-coefficient" in found["script"]


def test_it_is_installed_where_the_shell_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert main(["completion", "bash", "--install", "-n"]) == 0
    assert list(tmp_path.rglob("*")) == []
    assert main(["completion", "bash", "--install"]) == 0
    written = tmp_path / ".local/share/bash-completion/completions/rather"
    assert "complete -F _rather rather" in written.read_text("utf-8")
    assert str(written) in capsys.readouterr().out
