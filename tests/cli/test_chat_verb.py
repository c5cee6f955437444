"""Whom `rather chat` asks, and where: a workspace's models, or a server's from anywhere."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from rather.cli import late
from rather.cli.app import main
from rather.workspace import Workspace


class Terminal(io.StringIO):
    """A standard input with a person before it."""

    def isatty(self) -> bool:
        return True


class Pipeline:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: tuple[Any, ...] = ()

    def chat(self, ws: Workspace, models: Any, prompt: Any) -> dict[str, Any]:
        self.asked = (ws.root, models, prompt, ws.config.chat)
        return {"summary": "talked"}

    def chat_at(
        self, url: str, config: Any, models: Any, prompt: Any, *, consent: bool
    ) -> dict[str, Any]:
        self.asked = (url, models, prompt, consent, config.chat)
        return {"summary": "talked"}


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    made = Pipeline()
    monkeypatch.setattr(late, "pipeline", lambda: made)
    monkeypatch.setattr("sys.stdin", Terminal())
    return made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Workspace.create(tmp_path / "mine").close()
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.mark.parametrize(
    ("command", "models", "prompt"),
    [
        ("chat", ("newest",), None),
        ("chat base ppo-1", ("base", "ppo-1"), None),
        ("chat --model base --model ppo-1", ("base", "ppo-1"), None),
        ("chat base --prompt hi", ("base",), "hi"),
    ],
)
def test_models_of_the_workspace(
    pipeline: Pipeline, root: Path, command: str, models: Any, prompt: Any
) -> None:
    assert main(command.split()) == 0
    assert pipeline.asked[:3] == (root, models, prompt)


def test_its_own_settings_have_short_names(pipeline: Pipeline, root: Path) -> None:
    assert main(["chat", "--temperature", "0.1", "--max-new-tokens", "7", "--system", "Kind."]) == 0
    section = pipeline.asked[3]
    assert (section.temperature, section.max_new_tokens, section.system) == (0.1, 7, "Kind.")


def test_a_server_from_anywhere(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "http://127.0.0.1:8471"
    assert main(["chat", "prod", "base", "--url", url, "--no-consent"]) == 0
    assert pipeline.asked[:4] == (url, ("prod", "base"), None, False)
    assert main(["chat", "--url", url, "--temperature", "0.1"]) == 0
    assert pipeline.asked[1:4] == (("newest",), None, True)
    assert pipeline.asked[4].temperature == 0.1


def test_a_workspaces_settings_hold_for_a_server_too(pipeline: Pipeline, root: Path) -> None:
    (root / "rather.yaml").write_text("chat:\n  temperature: 0.2\n")
    assert main(["chat", "--url", "http://127.0.0.1:1"]) == 0
    assert pipeline.asked[4].temperature == 0.2


def test_what_is_piped_in_is_the_message(
    pipeline: Pipeline, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Why?\nAnd how?\n"))
    assert main(["chat", "--json"]) == 0
    assert pipeline.asked[2] == "Why?\nAnd how?"


def test_what_cannot_be_answered(
    pipeline: Pipeline,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["chat", "--json"]) == 2  # a person at a terminal
    assert "--json answers one message" in json.loads(capsys.readouterr().out)["error"]["message"]
    monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))
    assert main(["chat"]) == 2
    assert "nothing to answer" in capsys.readouterr().err
    assert pipeline.asked == ()


def test_a_dry_run_says_whom(
    pipeline: Pipeline, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chat", "base", "ppo-1", "-n"]) == 0
    assert capsys.readouterr().out == "would talk with base, ppo-1.\n"
    assert pipeline.asked == ()
