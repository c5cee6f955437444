"""A ranking: K completions in order, ties allowed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Self

from rather.feedback.answer import Judged, LeftOut, take, wrong
from rather.records import Comparison, Demonstration, Kind

FEWEST = 3
"""Answers worth ranking; two are ranked only where there are no more."""


@dataclass(frozen=True)
class Ranking:
    """`ranks[i]` is the rank of `completion_ids[i]`; 1 is best, equal numbers are ties."""

    completion_ids: tuple[str, ...]
    ranks: tuple[int, ...]

    kind: ClassVar[Kind] = "ranking"
    plural: ClassVar[str] = "rankings"
    question: ClassVar[str] = "Put the answers in order, the best first."
    lacking: ClassVar[str] = "There is nothing to rank yet; run `rather sample` first."
    asks_heldout: ClassVar[bool] = True
    is_checkable: ClassVar[bool] = True

    @classmethod
    def tasks(cls, answers: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
        """`size` after `size`; a short rest takes in the last of those before it."""
        for start in range(0, len(answers), size):
            group = tuple(answers[start : start + size])
            if len(group) < FEWEST:
                group = tuple(answers[-FEWEST:])
            if len(group) > 1:
                yield group

    @classmethod
    def from_said(cls, said: Mapping[str, Any], shown: Sequence[str]) -> Self:
        """Ranks in the order shown."""
        if len(said["ranks"]) != len(shown):
            raise wrong("ranking", "ranks", "it must have one rank for each answer")
        return cls(tuple(shown), tuple(said["ranks"]))

    def to_said(self, shown: Sequence[str]) -> dict[str, Any]:
        """The ranks of those shown."""
        ranks = dict(zip(self.completion_ids, self.ranks, strict=True))
        return {"kind": "ranking", "ranks": [ranks[id] for id in shown]}

    def fits(self, truth: Self) -> bool:
        """Whether all that the truth puts before another is before it here too."""
        said = dict(zip(self.completion_ids, self.ranks, strict=True))
        known = list(zip(truth.completion_ids, truth.ranks, strict=True))
        return all(
            (said[one] < said[other]) if rank < lower else (said[one] > said[other])
            for (one, rank), (other, lower) in combinations(known, 2)
            if rank != lower
        )

    def to_answer(self) -> dict[str, Any]:
        """The JSON kept in `Judgment.answer`."""
        return {"completion_ids": list(self.completion_ids), "ranks": list(self.ranks)}

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        """Read that JSON back; DataError names the field that is wrong."""
        ids, ranks = take("ranking", answer, ("completion_ids", "ranks"))
        if not isinstance(ids, list | tuple) or not all(isinstance(id, str) for id in ids):
            raise wrong("ranking", "completion_ids", "it must be a list of texts")
        if len(ids) < 2 or len(set(ids)) < len(ids):
            raise wrong("ranking", "completion_ids", "it must name two or more, each once")
        if not isinstance(ranks, list | tuple) or len(ranks) != len(ids):
            raise wrong("ranking", "ranks", "it must have one rank for each completion")
        if not all(type(rank) is int and rank >= 1 for rank in ranks):
            raise wrong("ranking", "ranks", "a rank is a whole number from 1, which is best")
        return cls(tuple(ids), tuple(ranks))

    def comparison(self, judged: Judged) -> Comparison:
        """All texts with their ranks; a text that is there twice counts once."""
        ranks: dict[str, int] = {}
        for id, rank in zip(self.completion_ids, self.ranks, strict=True):
            if ranks.setdefault(judged.text(id), rank) != rank:
                raise LeftOut("identical texts were ranked differently")
        if len(ranks) < 2:
            raise LeftOut("its texts are identical")
        return judged.comparison(tuple(ranks), tuple(ranks.values()))

    def demonstration(self, judged: Judged) -> Demonstration:
        """Nothing: the best of K need not be good."""
        raise LeftOut("a ranking demonstrates nothing")

    def thumbs(self) -> tuple[tuple[str, bool], ...]:
        """None: a rank is relative."""
        return ()
