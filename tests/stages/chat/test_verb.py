"""`chat` as a person has it: one message, or a conversation until they end it."""

import sys
from pathlib import Path
from typing import Any

import pytest

from rather.config.stages import Config
from rather.errors import UsageError
from rather.stages.chat.verb import chat, chat_at, edited
from rather.store import judgments
from rather.store.database import Database
from rather.store.use import reactions
from rather.workspace import Workspace


def typed(monkeypatch: pytest.MonkeyPatch, *lines: Any) -> None:
    """What a person types, line by line; an exception is raised instead."""
    given = iter(lines)

    def read(prompt: str) -> str:
        line = next(given, EOFError())
        if isinstance(line, BaseException):
            raise line
        return str(line)

    monkeypatch.setattr("builtins.input", read)


def test_one_message_is_answered_once_by_each(ws: Workspace) -> None:
    ws = ws.configured({"chat": {"max_new_tokens": 6}})
    found = chat(ws, ["base"], "Why?")
    assert list(found["replies"]) == ["base"]
    (answer,) = found["answers"]
    assert (answer["model"], answer["text"], answer["id"]) == (
        "base",
        found["replies"]["base"],
        None,
    )
    assert answer["finish_reason"] in ("stop", "length")
    assert chat(ws, ["base"], "Why?") == found
    assert judgments.all(ws.db) == []


def test_a_system_message_is_heard(ws: Workspace) -> None:
    short = {"chat": {"max_new_tokens": 6, "temperature": 0.0}}
    plain = chat(ws.configured(short), ["base"], "Why?")
    told = chat(ws.configured(short | {"chat": {**short["chat"], "system": "z"}}), ["base"], "Why?")
    assert plain["replies"] != told["replies"]


def test_a_conversation_with_a_server(
    db: Database, served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "Why?", "/pick 2", KeyboardInterrupt(), "How?", "/edit 1 So it is.", "/quit")
    found = chat_at(served, Config(), ["base", "ppo-2"], None, consent=True)
    assert found == {
        "summary": "2 turn(s), 2 pick(s) and edit(s).",
        "turns": 2,
        "judgments": 2,
    }
    said = capsys.readouterr().out
    assert "Talking with base, ppo-2." in said
    assert "which may learn from it" in said
    assert "[2] ppo-2: I am ppo-2, " in said
    assert "Ctrl-D or /quit ends the chat." in said
    assert [one.ranks for one in reactions.all(db)] == [(2, 1), ()]
    assert {one.source for one in judgments.live(db)} == {"use"}


def test_hostile_answers_are_harmless_everywhere(
    served: str,
    parrot: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parrot.says = "\x1b]0;owned\x07\x9b31m\u202egnp"
    typed(monkeypatch, "Why?")
    chat_at(served, Config(), ["base"], None, consent=False)
    one = chat_at(served, Config(), ["base"], "Why?", consent=False)
    for text in (capsys.readouterr().out, one["text"]):
        assert "⟨U+001B⟩]0;owned⟨U+0007⟩⟨U+009B⟩31m⟨U+202E⟩gnp" in text
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert "\x1b" in one["replies"]["base"]  # JSON has the text as it is


def test_the_end_of_the_input_ends_it(
    served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch)
    assert chat_at(served, Config(), ["base"], None, consent=True)["turns"] == 0


def test_an_editor_changes_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = tmp_path / "my editor.py"
    editor.write_text(
        "import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\n"
        "file.write_text(file.read_text() + ' More.')\n"
    )
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} '{editor}'")
    assert edited("So.") == "So. More."
    monkeypatch.setenv("VISUAL", "false")
    with pytest.raises(UsageError, match="ended with 1"):
        edited("So.")
    monkeypatch.setenv("VISUAL", str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="cannot be started"):
        edited("So.")
    monkeypatch.delenv("VISUAL")
    monkeypatch.delenv("EDITOR")
    with pytest.raises(UsageError, match=r"or set \$EDITOR"):
        edited("So.")
