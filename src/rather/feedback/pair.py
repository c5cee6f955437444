"""A pair: which of two completions somebody would rather have."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_args

from rather.feedback.answer import Judged, LeftOut, require_text, take, wrong
from rather.records import Choice, Comparison, Demonstration, Kind, StageName

LEARNERS: tuple[StageName, ...] = ("reward", "dpo")


@dataclass(frozen=True)
class Pair:
    """A is the left completion, B the right one."""

    left_completion_id: str
    right_completion_id: str
    choice: Choice
    strength: int | None = None
    """1 slightly, 2 clearly, 3 much better; None when it was not asked."""

    kind: ClassVar[Kind] = "pair"

    def to_answer(self) -> dict[str, Any]:
        """The JSON kept in `Judgment.answer`."""
        answer: dict[str, Any] = {
            "left_completion_id": self.left_completion_id,
            "right_completion_id": self.right_completion_id,
            "choice": self.choice,
        }
        return answer if self.strength is None else answer | {"strength": self.strength}

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        """Read that JSON back; DataError names the field that is wrong."""
        names = ("left_completion_id", "right_completion_id", "choice", "strength?")
        left, right, choice, strength = take("pair", answer, names)
        require_text("pair", "left_completion_id", left)
        require_text("pair", "right_completion_id", right)
        if left == right:
            raise wrong("pair", "right_completion_id", "it is the left one again")
        if choice not in get_args(Choice):
            raise wrong("pair", "choice", f"it must be one of {', '.join(get_args(Choice))}")
        if strength is not None and (type(strength) is not int or strength not in (1, 2, 3)):
            raise wrong("pair", "strength", "it must be 1, 2 or 3")
        return cls(left, right, choice, strength)

    @property
    def completion_ids(self) -> tuple[str, ...]:
        """Left, right."""
        return (self.left_completion_id, self.right_completion_id)

    def comparison(self, judged: Judged) -> Comparison:
        """The two texts with ranks 1 and 2, or 1 and 1 for a tie."""
        if self.choice == "both_bad":
            raise LeftOut("both answers were called bad, neither better")
        ranks = {"A": (1, 2), "B": (2, 1), "tie": (1, 1)}[self.choice]
        texts = tuple(judged.text(id) for id in self.completion_ids)
        return judged.comparison(texts, ranks, self.strength or 1)

    def demonstration(self, judged: Judged) -> Demonstration:
        """Nothing: the better of two need not be good."""
        raise LeftOut("a pair demonstrates nothing")

    def thumbs(self) -> tuple[tuple[str, bool], ...]:
        """Both bad says of each completion that it is bad."""
        if self.choice != "both_bad":
            return ()
        return tuple((id, False) for id in self.completion_ids)
