"""A correction: a completion as somebody edited it, so a demonstration and a pair in one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from rather.feedback.answer import Judged, require_text, take, wrong
from rather.records import Comparison, Demonstration, Kind


@dataclass(frozen=True)
class Correction:
    """The edited text of one completion."""

    completion_id: str
    text: str

    kind: ClassVar[Kind] = "correction"
    plural: ClassVar[str] = "corrections"
    question: ClassVar[str] = "Edit this answer until you would be glad to receive it."
    lacking: ClassVar[str] = "There is nothing to correct yet; run `rather sample` first."
    asks_heldout: ClassVar[bool] = True
    is_checkable: ClassVar[bool] = False

    @classmethod
    def tasks(cls, answers: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
        """Each by itself."""
        return ((id,) for id in answers)

    @classmethod
    def from_said(cls, said: Mapping[str, Any], shown: Sequence[str]) -> Self:
        """The edited text of the answer at `place`."""
        place = said.get("place", 0)
        if place >= len(shown):
            raise wrong("correction", "place", "there is no such answer")
        return cls(shown[place], require_text("correction", "text", said["text"]))

    def to_said(self, shown: Sequence[str]) -> dict[str, Any]:
        """The edited text, and where its original stands."""
        return {
            "kind": "correction",
            "text": self.text,
            "place": list(shown).index(self.completion_id),
        }

    def fits(self, truth: Self) -> bool:
        """Never: nothing says what an edit should have been."""
        return False

    def to_answer(self) -> dict[str, Any]:
        """The JSON kept in `Judgment.answer`."""
        return {"completion_id": self.completion_id, "text": self.text}

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        """Read that JSON back; DataError names the field that is wrong."""
        completion_id, text = take("correction", answer, ("completion_id", "text"))
        require_text("correction", "completion_id", completion_id)
        return cls(completion_id, require_text("correction", "text", text))

    @property
    def completion_ids(self) -> tuple[str, ...]:
        """The completion that was edited."""
        return (self.completion_id,)

    def comparison(self, judged: Judged) -> Comparison:
        """The edited text over the original."""
        return judged.comparison((self.text, judged.text(self.completion_id)), (1, 2))

    def demonstration(self, judged: Judged) -> Demonstration:
        """The edited text as the answer to its prompt."""
        return Demonstration(judged.prompt, self.text)

    def thumbs(self) -> tuple[tuple[str, bool], ...]:
        """None: worth an edit is neither good nor bad."""
        return ()
