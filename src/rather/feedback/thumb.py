"""A thumb: one completion called good or bad by itself; no stage learns from it yet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from rather.feedback.answer import Judged, LeftOut, require_text, take, wrong
from rather.records import Comparison, Demonstration, Kind


@dataclass(frozen=True)
class Thumb:
    """Up (good) or down."""

    completion_id: str
    good: bool

    kind: ClassVar[Kind] = "thumb"
    plural: ClassVar[str] = "thumbs"
    question: ClassVar[str] = "Is this a good answer?"
    lacking: ClassVar[str] = "There is nothing to judge yet; run `rather sample` first."
    asks_heldout: ClassVar[bool] = True
    is_checkable: ClassVar[bool] = True

    @classmethod
    def tasks(cls, answers: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
        """Each by itself."""
        return ((id,) for id in answers)

    @classmethod
    def from_said(cls, said: Mapping[str, Any], shown: Sequence[str]) -> Self:
        """Good or bad of the one shown."""
        return cls(shown[0], said["is_good"])

    def to_said(self, shown: Sequence[str]) -> dict[str, Any]:
        """Good or bad."""
        return {"kind": "thumb", "is_good": self.good}

    def fits(self, truth: Self) -> bool:
        """Whether it points the same way."""
        return self.good == truth.good

    def to_answer(self) -> dict[str, Any]:
        """The JSON kept in `Judgment.answer`."""
        return {"completion_id": self.completion_id, "good": self.good}

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        """Read that JSON back; DataError names the field that is wrong."""
        completion_id, good = take("thumb", answer, ("completion_id", "good"))
        if not isinstance(good, bool):
            raise wrong("thumb", "good", "it must be true or false")
        return cls(require_text("thumb", "completion_id", completion_id), good)

    @property
    def completion_ids(self) -> tuple[str, ...]:
        """The completion that was judged."""
        return (self.completion_id,)

    def comparison(self, judged: Judged) -> Comparison:
        """Nothing: there is no second answer."""
        raise LeftOut("a thumb compares nothing")

    def demonstration(self, judged: Judged) -> Demonstration:
        """Nothing: good need not be ideal."""
        raise LeftOut("a thumb demonstrates nothing")

    def thumbs(self) -> tuple[tuple[str, bool], ...]:
        """Itself."""
        return ((self.completion_id, self.good),)
