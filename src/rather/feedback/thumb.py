"""A thumb: one completion called good or bad by itself."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from rather.feedback.answer import Judged, LeftOut, require_text, take, wrong
from rather.records import Comparison, Demonstration, Kind, StageName

LEARNERS: tuple[StageName, ...] = ()
"""No stage learns from unpaired thumbs yet; they are kept, and exported as KTO rows."""


@dataclass(frozen=True)
class Thumb:
    """Up (good) or down."""

    completion_id: str
    good: bool

    kind: ClassVar[Kind] = "thumb"

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
