"""Progress for people, on stderr only: a bar with rate and ETA, or plain lines off a terminal.

Plain lines come at most every two seconds, so a log stays short; whatever takes less than two
seconds leaves no trace. In a notebook each line of a task takes the place of the one before.
"""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from rather.notebook import NotebookLine, in_notebook

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

SECONDS_BETWEEN_LINES = 2.0
NARROWEST_BAR = 60
"""Columns below which a bar with rate and ETA would wrap."""


class Task(Protocol):
    """Something under way, with a known or unknown end."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Say that `n` more units are done; `note` is shown beside the numbers."""


class Progress:
    """Where long work tells how far it is; `quiet=True` prints nothing."""

    def __init__(
        self,
        quiet: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._clock = clock
        self._bars: RichProgress | None = None
        self._num_open = 0
        self._has_spoken = False

    def say(self, line: str) -> None:
        """Print one line for people."""
        self._has_spoken = True
        if self._quiet:
            return
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=self._stream, flush=True)

    @contextmanager
    def announced(self, line: str, seconds: float = SECONDS_BETWEEN_LINES) -> Iterator[None]:
        """Print `line` where the block has shown nothing else by itself for so many seconds."""

        def speak() -> None:
            if not self._has_spoken:
                self.say(line)

        self._has_spoken = False
        timer = threading.Timer(seconds, speak)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @contextmanager
    def track(self, description: str, total: int | None, unit: str) -> Iterator[Task]:
        """Show how far `description` is, in `unit`s (plural), until the block ends."""
        tell = NotebookLine().write if not self._quiet and in_notebook() else self.say
        task = _Task(tell, description, total, unit, self._clock)
        bar_id = self._open_bar(task) if self._has_bars() else None
        try:
            yield task
        finally:
            if bar_id is not None:
                self._close_bar(bar_id)
        if task.seconds() >= SECONDS_BETWEEN_LINES:
            tell(task.summary())

    def _has_bars(self) -> bool:
        return (
            not self._quiet
            and self._stream.isatty()
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
            and shutil.get_terminal_size().columns >= NARROWEST_BAR
        )

    def _open_bar(self, task: "_Task") -> int:
        self._has_spoken = True
        if self._bars is None:
            self._bars = _rich_bars(self._stream)
            self._bars.start()
        self._num_open += 1
        bar_id = self._bars.add_task(task.description, total=task.total, numbers="")
        task.draw = lambda: self._draw(bar_id, task)
        return bar_id

    def _draw(self, bar_id: int, task: "_Task") -> None:
        if self._bars is not None:
            self._bars.update(bar_id, completed=task.done, numbers=task.numbers())  # type: ignore[arg-type]

    def _close_bar(self, bar_id: int) -> None:
        if self._bars is None:
            return
        self._bars.remove_task(bar_id)  # type: ignore[arg-type]
        self._num_open -= 1
        if self._num_open == 0:
            self._bars.stop()
            self._bars = None


class _Task:
    """Counts what is done; draws a bar when it has one, else a line every two seconds."""

    def __init__(
        self,
        tell: Callable[[str], None],
        description: str,
        total: int | None,
        unit: str,
        clock: Callable[[], float],
    ) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done, self.note = 0, ""
        self.draw: Callable[[], None] | None = None
        self._tell, self._clock = tell, clock
        self._began = self._spoke = clock()

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n
        self.note = note or self.note
        if self.draw is not None:
            self.draw()
        elif self._clock() - self._spoke >= SECONDS_BETWEEN_LINES:
            self._spoke = self._clock()
            self._tell(f"{self.description}: {self.numbers()}")

    def seconds(self) -> float:
        return self._clock() - self._began

    def numbers(self) -> str:
        """Return how far, how fast, how long still, and the note."""
        rate = self.done / max(self.seconds(), 1e-9)
        of = f"/{self.total}" if self.total is not None else ""
        parts = [f"{self.done}{of} {self.unit}", f"{_short(rate)} {self.unit}/s"]
        if self.total is not None and self.done:
            parts.append(f"{_clock_time(max(self.total - self.done, 0) / rate)} left")
        return ", ".join([*parts, self.note] if self.note else parts)

    def summary(self) -> str:
        rate = self.done / max(self.seconds(), 1e-9)
        ending = f", {self.note}" if self.note else ""
        took = f"{self.done} {self.unit} in {_clock_time(self.seconds())}"
        return f"{self.description}: {took} ({_short(rate)} {self.unit}/s){ending}"


def _rich_bars(stream: TextIO) -> "RichProgress":
    # Imported here: rich's progress is only needed on a terminal, and start-up must stay light.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[numbers]}", markup=False),
        console=Console(file=stream),
        redirect_stdout=False,  # stdout belongs to the command's result
        redirect_stderr=False,
    )


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
