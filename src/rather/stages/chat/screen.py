"""Answers in the terminal: side by side where it is wide, else one after another.

What a model or a server wrote is hostile text: characters that a terminal obeys, that hide or that
reorder text are shown by their names, so that an answer can neither move the cursor nor pass for
something of ours.
"""

import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from rather.stages.chat.answers import Answered, Heard
from rather.web.markup import visible

NARROWEST_COLUMN = 36
"""Cells below which answers stand one after another."""
TAB = "    "
REFRESHES_A_SECOND = 10
LINES_BESIDE = 4
"""Of the terminal's height, for what stands around growing answers."""


def harmless(text: str) -> str:
    """A text that a terminal shows, and does nothing else with."""
    return visible(text).replace("\t", TAB)


@dataclass
class Lines:
    """One answer after another, each written as it grows; also for pipes."""

    out: TextIO
    _names: tuple[str, ...] = ()
    _texts: list[str] = field(default_factory=list)
    _place: int = 0
    _num_written: int = 0

    def note(self, text: str) -> None:
        """See `Screen`."""
        print(harmless(text), file=self.out, flush=True)

    def begin(self, names: tuple[str, ...]) -> Heard:
        """See `Screen`."""
        self._names, self._texts = names, [""] * len(names)
        self._place, self._num_written = 0, 0
        self._write(_title(0, names[0], len(names)))
        return self._heard

    def end(self, answers: tuple[Answered, ...]) -> None:
        """See `Screen`."""
        for place, one in enumerate(answers):
            if place > 0:
                self._write(_title(place, one.model, len(answers)))
                self._place, self._num_written = place, 0
            self._heard(place, one.text)
            self._write(f"{_remark(one)}\n")
        if not answers:
            self._write("\n")

    def _heard(self, place: int, text: str) -> None:
        self._texts[place] = text
        if place == self._place:
            shown = harmless(text)
            self._write(shown[self._num_written :])
            self._num_written = len(shown)

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


@dataclass
class Columns:
    """Answers side by side; while they grow, their ends are shown."""

    console: Console
    _names: tuple[str, ...] = ()
    _texts: list[str] = field(default_factory=list)
    _live: Live | None = None

    def note(self, text: str) -> None:
        """See `Screen`."""
        self.console.print(Text(harmless(text)))

    def begin(self, names: tuple[str, ...]) -> Heard:
        """See `Screen`."""
        self._names, self._texts = names, [""] * len(names)
        self._live = Live(
            get_renderable=self._growing,
            console=self.console,
            refresh_per_second=REFRESHES_A_SECOND,
            transient=True,
        )
        _echo_keys(False)
        self._live.start()
        return self._heard

    def end(self, answers: tuple[Answered, ...]) -> None:
        """See `Screen`."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            _echo_keys(True)
        if answers:
            cells = [Text(harmless(one.text) + _remark(one)) for one in answers]
            self.console.print(self._table(tuple(one.model for one in answers), cells))

    def _heard(self, place: int, text: str) -> None:
        self._texts[place] = text

    def _growing(self) -> RenderableType:
        width = self.console.width // len(self._names) - 3
        room = max(1, self.console.height - LINES_BESIDE)
        cells = []
        for text in self._texts:
            lines = Text(harmless(text)).wrap(self.console, max(1, width))
            cells.append(Text("\n").join(lines[-room:]))
        return self._table(self._names, cells)

    def _table(self, names: tuple[str, ...], cells: list[Text]) -> Group:
        table = Table.grid(expand=True, padding=(0, 3, 0, 0))
        for _ in names:
            table.add_column(ratio=1, overflow="fold")
        titles = [_title(place, name, len(names)).rstrip(": ") for place, name in enumerate(names)]
        table.add_row(*(Text(title, style="bold") for title in titles))
        table.add_row(*cells)
        return Group(Rule(style="dim"), table)


def screen_for(num_models: int, out: TextIO | None = None) -> Lines | Columns:
    """The screen that suits a terminal and so many models."""
    there = out or sys.stdout
    is_wide = shutil.get_terminal_size().columns >= NARROWEST_COLUMN * num_models
    if num_models > 1 and is_wide and there.isatty():
        return Columns(Console(file=there, highlight=False))
    return Lines(there)


def _echo_keys(is_on: bool) -> None:
    """Let the terminal write what is typed, or not: amid growing answers ^C would move them."""
    with suppress(ImportError):  # Windows has none
        import termios

        if sys.stdin.isatty():
            keys = termios.tcgetattr(sys.stdin)
            keys[3] = keys[3] | termios.ECHO if is_on else keys[3] & ~termios.ECHO
            termios.tcsetattr(sys.stdin, termios.TCSANOW, keys)


def _title(place: int, name: str, num_models: int) -> str:
    return f"{harmless(name)}: " if num_models == 1 else f"[{place + 1}] {harmless(name)}: "


def _remark(answer: Answered) -> str:
    """What is to be known of an answer beside its text."""
    if answer.is_stopped:
        return " … (stopped)"
    return " … (cut off at the limit)" if answer.is_cut_off else ""
