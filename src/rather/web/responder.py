"""What the playground needs of somebody who can write answers: the web itself knows no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rather.records import Message


@dataclass(frozen=True)
class Answered:
    """One answer of one model."""

    text: str
    num_tokens: int
    is_cut_off: bool
    """Whether the length limit ended it."""


@dataclass(frozen=True)
class Drawing:
    """How an answer's tokens are drawn."""

    temperature: float
    max_new_tokens: int
    seed: int


class Responder(Protocol):
    """Answers conversations with the models it knows; asked by one thread at a time."""

    def models(self) -> list[str]:
        """Whom it can ask: `base`, then policies by age."""

    def answer(self, messages: Sequence[Message], model: str, drawing: Drawing) -> Answered:
        """The model's answer to the last turn; the same drawing gives the same answer.

        TooLong where the conversation does not fit the model, DataError where the model's template
        or tokenizer refuses it.
        """
