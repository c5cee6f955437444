"""A demonstration: the ideal answer to a prompt, written by somebody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from rather import records
from rather.feedback.answer import Judged, LeftOut, require_text, take
from rather.records import Comparison, Kind


@dataclass(frozen=True)
class Demonstration:
    """What somebody wrote; `records.Demonstration` is this with its prompt."""

    text: str

    kind: ClassVar[Kind] = "demonstration"
    plural: ClassVar[str] = "demonstrations"
    question: ClassVar[str] = "Write the answer you would like to receive."
    lacking: ClassVar[str] = (
        "There is nothing to answer yet; bring prompts with `rather import FILE`."
    )
    asks_heldout: ClassVar[bool] = False
    is_checkable: ClassVar[bool] = False

    @classmethod
    def tasks(cls, answers: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
        """The prompt alone, whatever has answered it."""
        return ((),)

    @classmethod
    def from_said(cls, said: Mapping[str, Any], shown: Sequence[str]) -> Self:
        """What was written."""
        return cls(require_text("demonstration", "text", said["text"]))

    def to_said(self, shown: Sequence[str]) -> dict[str, Any]:
        """What was written."""
        return {"kind": "demonstration", "text": self.text}

    def fits(self, truth: Self) -> bool:
        """Never: nothing says what should have been written."""
        return False

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
