"""What comes in and goes out: the human data of a workspace, or of one file."""

from dataclasses import dataclass

from rather.records import Completion, Judgment, Labeller, Prompt


@dataclass(frozen=True)
class Collected:
    """Everything to store, in an order in which nothing names what comes later."""

    prompts: tuple[Prompt, ...] = ()
    completions: tuple[Completion, ...] = ()
    labellers: tuple[Labeller, ...] = ()
    judgments: tuple[Judgment, ...] = ()


@dataclass(frozen=True)
class Rejected:
    """A row that was left out: where it stands and what is wrong with it."""

    path: str
    line: int
    """The line of a text file, the number of the row elsewhere; from 1."""
    field: str
    """Empty when the row as a whole is wrong."""
    reason: str

    def __str__(self) -> str:
        what = f"{self.field} {self.reason}" if self.field else self.reason
        return f"{self.path}:{self.line}: {what}"


class BadField(Exception):
    """A row cannot be used because of one field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason
