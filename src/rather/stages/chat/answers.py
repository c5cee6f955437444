"""What a chat asks of those who answer it, and what they give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rather.feedback.use.picked import Pick
from rather.records import Message

Heard = Callable[[int, str], None]
"""Called with (the speaker's place, its whole text so far) as the text grows."""


@dataclass(frozen=True)
class Answered:
    """One speaker's answer."""

    model: str
    """Who gave it: of an alias the version it means."""
    text: str
    num_tokens: int
    is_cut_off: bool
    """Whether the length limit ended it."""
    is_stopped: bool = False
    """Whether a person ended it: nothing is judged by it."""
    seed: int = 0
    id: str = ""
    """What a server calls it; empty where none was asked."""


class Speakers(Protocol):
    """One or more models that answer the same conversation side by side."""

    @property
    def names(self) -> tuple[str, ...]:
        """As they are shown, left to right."""

    def answer(
        self, messages: Sequence[Message], number: int, heard: Heard
    ) -> tuple[Answered, ...]:
        """Everybody's answer to the last turn, in order; after Ctrl-C what there is so far.

        The same conversation and number give the same answers. Raises DataError where it cannot be
        answered (too long), EnvironmentFault where a server fails.
        """


class Memory(Protocol):
    """Where it is kept what a person says of the answers."""

    @property
    def where(self) -> str:
        """In a sentence, for the person."""

    def prefer(
        self, messages: Sequence[Message], answers: Sequence[Answered], choice: Pick
    ) -> None:
        """One answer is rather wanted than the others: its place, `tie` or `both_bad`."""

    def correct(self, messages: Sequence[Message], answer: Answered, text: str) -> None:
        """An answer should rather have been this text."""
