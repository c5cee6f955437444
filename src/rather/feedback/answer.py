"""What every kind of answer offers: its shape as JSON, and what can be learnt from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from rather.errors import DataError
from rather.records import Comparison, Demonstration, Judgment, Kind, Prompt


class LeftOut(Exception):
    """Nothing can be learnt from this judgment, for the reason given."""


@dataclass(frozen=True)
class Judged:
    """A judgment with what it was about, looked up."""

    judgment: Judgment
    prompt: Prompt
    texts: dict[str, str]
    """Texts of completions by id."""
    cut_off: frozenset[str] = frozenset()
    """Those of its texts that the length limit ended."""

    def text(self, completion_id: str) -> str:
        """The text of one completion; LeftOut where it is not known."""
        if completion_id not in self.texts:
            raise LeftOut(f"its completion {completion_id} is not known")
        return self.texts[completion_id]

    def comparison(
        self, texts: tuple[str, ...], ranks: tuple[int, ...], strength: int = 1
    ) -> Comparison:
        """The comparison of these texts, with this judgment's provenance."""
        return Comparison(
            prompt=self.prompt,
            completions=texts,
            ranks=ranks,
            strength=strength,
            is_cut_off=tuple(text in self.cut_off for text in texts),
            judgment_id=self.judgment.id,
            is_simulated=self.judgment.is_simulated,
        )


class Answer(Protocol):
    """One kind of feedback: a frozen record that owns its shape and its meaning."""

    kind: ClassVar[Kind]
    plural: ClassVar[str]
    """How its items are called."""
    question: ClassVar[str]
    """What stands above the answers where the project does not say it otherwise."""
    lacking: ClassVar[str]
    """The sentence for a workspace in which nothing of this kind can be asked."""
    asks_heldout: ClassVar[bool]
    """Whether prompts that are kept for evaluation are asked about too."""
    is_checkable: ClassVar[bool]
    """Whether it can be right or wrong, and said twice alike: what is written cannot."""

    @classmethod
    def tasks(cls, answers: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
        """Which of a prompt's completions are asked about together, `size` at most."""

    @classmethod
    def from_said(cls, said: Mapping[str, Any], shown: Sequence[str]) -> Self:
        """What somebody said of the completions in the order shown; DataError where it is wrong."""

    def to_said(self, shown: Sequence[str]) -> dict[str, Any]:
        """The same, said of the completions in this order."""

    def fits(self, truth: Self) -> bool:
        """Whether it is right where that is the known answer to the same item."""

    def to_answer(self) -> dict[str, Any]:
        """The JSON kept in `Judgment.answer`."""

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        """Read that JSON back; DataError names the field that is wrong."""

    @property
    def completion_ids(self) -> tuple[str, ...]:
        """The completions it speaks of."""

    def comparison(self, judged: Judged) -> Comparison:
        """What a reward model or DPO learns; LeftOut where that is nothing."""

    def demonstration(self, judged: Judged) -> Demonstration:
        """What SFT learns; LeftOut where that is nothing."""

    def thumbs(self) -> tuple[tuple[str, bool], ...]:
        """Completions called good or bad by themselves."""


def wrong(kind: Kind, field: str, reason: str) -> DataError:
    """The error for a field of an answer that cannot be used."""
    return DataError(f"The answer of a {kind} has a wrong field {field}: {reason}.")


def take(kind: Kind, answer: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    """The values of exactly these fields; a name ending in ? may be missing and is None then."""
    known = [name.rstrip("?") for name in names]
    for field in answer:
        if field not in known:
            raise wrong(kind, field, f"it is not one of {', '.join(known)}")
    for name in names:
        if name not in answer and not name.endswith("?"):
            raise wrong(kind, name, "it is missing")
    return [answer.get(name) for name in known]


def require_text(kind: Kind, field: str, value: Any) -> str:
    """The value as a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise wrong(kind, field, "it must be a text that is not empty")
    return value
