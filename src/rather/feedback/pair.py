"""A pair: which of two completions somebody would rather have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Self, get_args

from rather.feedback.answer import Judged, LeftOut, require_text, take, wrong
from rather.records import Choice, Comparison, Demonstration, Kind

MIRRORED: dict[str, Choice] = {"A": "B", "B": "A", "tie": "tie", "both_bad": "both_bad"}


@dataclass(frozen=True)
class Pair:
    """A is the left completion, B the right one."""

    left_completion_id: str
    right_completion_id: str
    choice: Choice
    strength: int | None = None
    """1 slightly, 2 clearly, 3 much better; None when it was not asked."""
    dimensions: tuple[tuple[str, str], ...] = ()
    """What was said beside the overall choice: (dimension, A, B or tie)."""

    kind: ClassVar[Kind] = "pair"
    plural: ClassVar[str] = "pairs"
    question: ClassVar[str] = "Which answer would you rather have received?"
    lacking: ClassVar[str] = "There is nothing to compare yet; run `rather sample` first."
    asks_heldout: ClassVar[bool] = True
    is_checkable: ClassVar[bool] = True

    @classmethod
    def tasks(cls, answers: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
        """Every two of them."""
        return combinations(answers, 2)

    @classmethod
    def from_said(cls, said: Mapping[str, Any], shown: Sequence[str]) -> Self:
        """A is the first one shown, B the second."""
        strength, choice = said.get("strength"), said["choice"]
        if strength is not None and choice not in ("A", "B"):
            raise wrong("pair", "strength", "it goes with A or B only")
        return cls(shown[0], shown[1], choice, strength, tuple(said.get("dimensions", {}).items()))

    def to_said(self, shown: Sequence[str]) -> dict[str, Any]:
        """The choice, mirrored where the sides are."""
        is_mirrored = shown[0] != self.left_completion_id
        return {
            "kind": "pair",
            "choice": MIRRORED[self.choice] if is_mirrored else self.choice,
            "strength": self.strength,
            "dimensions": {
                name: MIRRORED[choice] if is_mirrored else choice
                for name, choice in self.dimensions
            },
        }

    def fits(self, truth: Self) -> bool:
        """Whether the same completion was chosen."""
        return bool(self.to_said(truth.completion_ids)["choice"] == truth.choice)

    def to_answer(self) -> dict[str, Any]:
        """The JSON kept in `Judgment.answer`."""
        answer: dict[str, Any] = {
            "left_completion_id": self.left_completion_id,
            "right_completion_id": self.right_completion_id,
            "choice": self.choice,
        }
        if self.strength is not None:
            answer["strength"] = self.strength
        if self.dimensions:
            answer["dimensions"] = dict(self.dimensions)
        return answer

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        """Read that JSON back; DataError names the field that is wrong."""
        names = ("left_completion_id", "right_completion_id", "choice", "strength?", "dimensions?")
        left, right, choice, strength, dimensions = take("pair", answer, names)
        require_text("pair", "left_completion_id", left)
        require_text("pair", "right_completion_id", right)
        if left == right:
            raise wrong("pair", "right_completion_id", "it is the left one again")
        if choice not in get_args(Choice):
            raise wrong("pair", "choice", f"it must be one of {', '.join(get_args(Choice))}")
        if strength is not None and (type(strength) is not int or strength not in (1, 2, 3)):
            raise wrong("pair", "strength", "it must be 1, 2 or 3")
        return cls(left, right, choice, strength, _dimensions(dimensions))

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


def _dimensions(value: Any) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise wrong("pair", "dimensions", "it must give a choice by name")
    if not all(choice in ("A", "B", "tie") for choice in value.values()):
        raise wrong("pair", "dimensions", "a choice is one of A, B, tie")
    return tuple(value.items())
