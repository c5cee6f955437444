"""From judgments to what a trainer sees; what cannot be learnt from is listed with its reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from rather.errors import DataError
from rather.feedback.answer import Answer, Judged, LeftOut
from rather.feedback.items import item_of
from rather.feedback.kinds import answer_of
from rather.records import (
    Comparison,
    Completion,
    Demonstration,
    Judgment,
    Prompt,
    Source,
    Split,
)

T = TypeVar("T")
HELD_BACK = "held back"
"""How the reason begins for what was not asked for: judgments about the other split's prompts."""
SETTLED = "settled by an admin"
NO_CONSENT = "given without consent to be learnt from"
TELLS_NOTHING: dict[Source, str] = {
    "gold": "the known answer of a control item",
    "gold_check": "an answer to a control item",
    "repeat": "asked a second time, to see whether the answer stays",
}
"""Why nothing is learnt from what checks the labellers."""


@dataclass(frozen=True)
class Dropped:
    """The judgments left out, each with its reason."""

    reasons: tuple[tuple[str, str], ...] = ()
    """(judgment id, reason), in the order of the judgments."""

    @property
    def counts(self) -> dict[str, int]:
        """How many were left out for each reason, the commonest first."""
        return dict(Counter(reason for _, reason in self.reasons).most_common())

    def __len__(self) -> int:
        return len(self.reasons)


def comparisons(
    judgments: Iterable[Judgment],
    prompts: Iterable[Prompt],
    completions: Iterable[Completion],
    split: Split | None = None,
) -> tuple[list[Comparison], Dropped]:
    """What reward model and DPO learn from live judgments (about prompts of one split)."""

    def learn(answer: Answer, judged: Judged) -> Comparison:
        comparison = answer.comparison(judged)
        if any(not text.strip() for text in comparison.completions):
            raise LeftOut("a completion is empty")
        if len(set(comparison.completions)) < len(comparison.completions):
            raise LeftOut("its texts are identical")
        return comparison

    return _learn(learn, judgments, _Known(prompts, completions, split))


def demonstrations(
    judgments: Iterable[Judgment],
    prompts: Iterable[Prompt],
    completions: Iterable[Completion] = (),
    split: Split | None = None,
) -> tuple[list[Demonstration], Dropped]:
    """What SFT learns from live judgments (about prompts of one split)."""

    def learn(answer: Answer, judged: Judged) -> Demonstration:
        return replace(answer.demonstration(judged), judgment_id=judged.judgment.id)

    return _learn(learn, judgments, _Known(prompts, completions, split))


def passed_over(judgments: Iterable[Judgment]) -> dict[str, str]:
    """Those of the live judgments that are not listened to, by id with the reason: nobody consented
    to that, they check a labeller, or an admin has settled the matter."""
    given = list(judgments)
    reasons = {one.id: TELLS_NOTHING[one.source] for one in given if one.source in TELLS_NOTHING}
    reasons |= {one.id: NO_CONSENT for one in given if not one.has_consent}
    settled_by = {item_of(one): one.id for one in given if one.source == "resolution"}
    if settled_by:
        for one in given:
            if one.id not in reasons and _is_settled(one, settled_by):
                reasons[one.id] = SETTLED
    return reasons


def _is_settled(judgment: Judgment, settled_by: Mapping[str, str]) -> bool:
    try:
        return settled_by.get(item_of(judgment), judgment.id) != judgment.id
    except DataError:  # it does not say what it is about, which is told where it is read
        return False


class _Known:
    """Prompts and texts by id, of one split."""

    def __init__(
        self, prompts: Iterable[Prompt], completions: Iterable[Completion], split: Split | None
    ) -> None:
        self._prompts = {prompt.id: prompt for prompt in prompts}
        self._texts: dict[str, str] = {}
        self._cut_off: dict[str, set[str]] = {}
        for completion in completions:
            self._texts[completion.id] = completion.text
            if completion.finish_reason == "length":
                self._cut_off.setdefault(completion.prompt_id, set()).add(completion.text)
        self._split = split

    def look_up(self, judgment: Judgment) -> Judged:
        prompt = self._prompts.get(judgment.prompt_id)
        if prompt is None:
            raise LeftOut("its prompt is not known")
        if self._split is not None and prompt.split != self._split:
            raise LeftOut(f"{HELD_BACK}: its prompt belongs to the {prompt.split} split")
        cut_off = frozenset(self._cut_off.get(prompt.id, ()))
        return Judged(judgment, prompt, self._texts, cut_off)


def _learn(
    learn: Callable[[Answer, Judged], T], judgments: Iterable[Judgment], known: _Known
) -> tuple[list[T], Dropped]:
    learnt: list[T] = []
    reasons: list[tuple[str, str]] = []
    given = list(judgments)
    unheard = passed_over(given)
    for judgment in given:
        try:
            if judgment.id in unheard:
                raise LeftOut(unheard[judgment.id])
            learnt.append(learn(answer_of(judgment), known.look_up(judgment)))
        except (LeftOut, DataError) as reason:
            reasons.append((judgment.id, str(reason)))
    return learnt, Dropped(tuple(reasons))
