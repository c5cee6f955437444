"""A demonstration: the ideal answer to a prompt, written by somebody."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from rather import records
from rather.feedback.answer import Judged, LeftOut, require_text, take
from rather.records import Comparison, Kind, StageName

LEARNERS: tuple[StageName, ...] = ("sft",)


@dataclass(frozen=True)
class Demonstration:
    """What somebody wrote; `records.Demonstration` is this with its prompt."""

    text: str

    kind: ClassVar[Kind] = "demonstration"

    def to_answer(self) -> dict[str, Any]:
        """The JSON kept in `Judgment.answer`."""
        return {"text": self.text}

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        """Read that JSON back; DataError names the field that is wrong."""
        (text,) = take("demonstration", answer, ("text",))
        return cls(require_text("demonstration", "text", text))

    @property
    def completion_ids(self) -> tuple[str, ...]:
        """None: it stands alone."""
        return ()

    def comparison(self, judged: Judged) -> Comparison:
        """Nothing: there is no second answer."""
        raise LeftOut("a demonstration compares nothing")

    def demonstration(self, judged: Judged) -> records.Demonstration:
        """The text as the answer to its prompt."""
        return records.Demonstration(judged.prompt, self.text)

    def thumbs(self) -> tuple[tuple[str, bool], ...]:
        """None: it judges no completion."""
        return ()
