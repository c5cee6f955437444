"""Answers on the terminal; what a model writes cannot command it."""

import io
import os
import re
import sys

import pytest
from rich.console import Console

from rather.stages.chat.answers import Answered
from rather.stages.chat.screen import Columns, Lines, harmless, screen_for

HOSTILE = [
    "\x1b[2J\x1b[H",  # clears the screen
    "\x1b]0;owned\x07",  # the window's title
    "\x1b]52;c;cm0gLXJm\x07",  # the clipboard
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",  # a hidden link
    "\x1bP$q q\x1b\\",  # asks the terminal to answer
    "\x9b31m\x9d0;x\x9c",  # the same in one byte each
    "safe\rhidden",  # writes over itself
    "abc\b\b\bxyz",
    "\u202egnp.exe\u202c",  # reorders
    "\u2066x\u2069 \u200b\u2060",
    "\x00\x07\x7f",
    "a\u2028b",
]
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f]")
STYLES = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


def answer(text: str, model: str = "base", **more: bool) -> Answered:
    return Answered(model, text, 3, more.pop("is_cut_off", False), **more)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless(text: str) -> None:
    shown = harmless(text)
    assert not COMMANDS.search(shown)
    assert not STYLES.search(shown)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_answers_are_harmless_on_both_screens(text: str) -> None:
    lines, wide = io.StringIO(), io.StringIO()
    console = Console(file=wide, force_terminal=True, width=100, height=20, color_system=None)
    for screen in (Lines(lines), Columns(console)):
        heard = screen.begin(("base", text))
        for length in range(len(text) + 1):  # also in the middle of a sequence
            heard(0, text[:length])
        heard(1, text)
        screen.end((answer(text), answer(text, model=text)))
        screen.note(text)
    assert not COMMANDS.search(lines.getvalue())
    ours = STYLES.sub("", wide.getvalue()).replace("\r", "")
    assert not COMMANDS.search(ours)
    for sequence in STYLES.findall(wide.getvalue()):
        assert sequence not in text or sequence in {"\x1b[2K"}


def test_everyday_text_stays_as_it_is() -> None:
    text = "Größe: 茶 🙂 سلام\n  indented"
    assert harmless(text) == text
    assert harmless("a\tb") == "a    b"


def test_one_answer_is_written_as_it_grows() -> None:
    out = io.StringIO()
    screen = Lines(out)
    heard = screen.begin(("base",))
    heard(0, "So")
    assert out.getvalue() == "base: So"
    heard(0, "So it is.")
    screen.end((answer("So it is."),))
    assert out.getvalue() == "base: So it is.\n"


def test_several_stand_below_each_other() -> None:
    out = io.StringIO()
    screen = Lines(out)
    heard = screen.begin(("base", "prod"))
    heard(1, "Thus")
    heard(0, "So")
    screen.end((answer("So.", is_cut_off=True), answer("Thus.", "ppo-1", is_stopped=True)))
    assert out.getvalue() == (
        "[1] base: So. … (cut off at the limit)\n[2] ppo-1: Thus. … (stopped)\n"
    )


def test_an_answer_that_failed_leaves_the_line() -> None:
    out = io.StringIO()
    screen = Lines(out)
    screen.begin(("base",))
    screen.end(())
    screen.note("Too long.")
    assert out.getvalue() == "base: \nToo long.\n"


def test_columns_stand_side_by_side() -> None:
    out = io.StringIO()
    screen = Columns(Console(file=out, force_terminal=True, width=80, color_system=None))
    heard = screen.begin(("base", "ppo-1"))
    heard(0, "So " * 60)
    screen.end((answer("left " * 12), answer("right " * 12, "ppo-1")))
    last = STYLES.sub("", out.getvalue()).splitlines()[-3:]
    assert last[0].startswith("[1] base") and "[2] ppo-1" in last[0]
    assert last[1].startswith("left left") and "right right" in last[1]


def test_what_is_typed_while_columns_grow_is_not_written_into_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    termios = pytest.importorskip("termios")
    master, slave = os.openpty()
    with open(slave, "r+b", buffering=0) as raw, io.TextIOWrapper(raw) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        echoes = [bool(termios.tcgetattr(master)[3] & termios.ECHO)]
        screen = Columns(Console(file=io.StringIO(), force_terminal=True, width=80))
        screen.begin(("base", "ppo-1"))
        echoes.append(bool(termios.tcgetattr(master)[3] & termios.ECHO))
        screen.end(())
        echoes.append(bool(termios.tcgetattr(master)[3] & termios.ECHO))
        assert echoes == [True, False, True]
    os.close(master)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("columns", "num_models", "kind"),
    [("120", 3, Columns), ("100", 3, Lines), ("120", 1, Lines), ("71", 2, Lines)],
)
def test_the_screen_that_suits(
    monkeypatch: pytest.MonkeyPatch, columns: str, num_models: int, kind: type
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert isinstance(screen_for(num_models, Terminal()), kind)
    assert isinstance(screen_for(num_models, io.StringIO()), Lines)
