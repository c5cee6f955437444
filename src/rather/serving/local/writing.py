"""Tokens of one completion into text as they come: whole characters, and nothing of a stop text."""

from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]
INCOMPLETE = "\ufffd"
"""What a tokenizer makes of a part of a character."""


class Detokenizer:
    """The text of a growing list of tokens, piece by piece, never half a character."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._window: list[int] = []
        """The tokens written last, which the next ones are decoded with, and those held back."""
        self._num_written = 0
        """How many of them are written."""
        self._written = ""
        """Their text."""

    def add(self, token: int) -> str:
        """What the token completes; empty while a character is incomplete."""
        self._window.append(token)
        text = self._decode(self._window)
        return "" if text.endswith(INCOMPLETE) else self._write(text)

    def flush(self) -> str:
        """What was held back, complete or not: nothing comes any more."""
        return self._write(self._decode(self._window))

    def _write(self, text: str) -> str:
        new = text[len(self._written) :]
        self._window = self._window[self._num_written :]
        self._num_written = len(self._window)
        self._written = self._decode(self._window)
        return new.replace("\x00", INCOMPLETE)  # a byte no database keeps


class StopTexts:
    """Cuts a text that comes in pieces before the first of the texts that end it."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""

    def add(self, text: str) -> tuple[str, bool]:
        """What may be shown by now, and whether a stop text was met."""
        if not self._stops:
            return text, False
        whole = self._held + text
        found = [place for stop in self._stops if (place := whole.find(stop)) >= 0]
        if found:
            return whole[: min(found)], True
        kept = max(self._may_begin(whole, stop) for stop in self._stops)
        self._held = whole[len(whole) - kept :]
        return whole[: len(whole) - kept], False

    def flush(self) -> str:
        """What was held back, as no stop text came of it."""
        held, self._held = self._held, ""
        return held

    @staticmethod
    def _may_begin(text: str, stop: str) -> int:
        """Characters at the text's end that a stop text may begin with."""
        longest = min(len(text), len(stop) - 1)
        return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)


class Writer:
    """A completion's text so far, and what may be shown of it."""

    def __init__(self, decode: Decode, stops: Sequence[str]) -> None:
        self._detokenizer = Detokenizer(decode)
        self._stops = StopTexts(stops)

    def add(self, token: int) -> tuple[str, bool]:
        """What a token adds, and whether a stop text ended the completion with it."""
        return self._stops.add(self._detokenizer.add(token))

    def end(self) -> tuple[str, bool]:
        """What is left at the end, and whether a stop text lay in it."""
        text, is_stopped = self._stops.add(self._detokenizer.flush())
        return text if is_stopped else text + self._stops.flush(), is_stopped
