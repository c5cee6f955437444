"""Ctrl-C and SIGTERM: asked once, work ends at the next safe place; asked twice, at once.

While `listening()`, a signal only leaves a note. Long loops (decoding, microbatches) pass a
`safe_point()` at every turn, which raises `Interrupted` when there is a note: never in the middle
of an optimizer's update or of a file.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_heard: list[int] = []


class Interrupted(KeyboardInterrupt):
    """A person or the machine asked the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.exit_code = 128 + number
        """130 after Ctrl-C, 143 after SIGTERM, as shells count."""


def safe_point() -> None:
    """Raise Interrupted here if a signal was heard; otherwise do nothing."""
    if _heard:
        raise Interrupted(_heard[0])


def heard() -> int:
    """The signal that was heard, 0 for none: for whoever agrees with others before it stops."""
    return _heard[0] if _heard else 0


@contextmanager
def listening() -> Iterator[None]:
    """Hear signals until the block ends; in any thread but the first nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _hear) for number in SIGNALS}
    try:
        yield
        safe_point()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _heard.clear()


def _hear(number: int, frame: FrameType | None) -> None:
    if _heard:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    _heard.append(number)
