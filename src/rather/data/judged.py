"""Rows with what was said about their completions: all opinions on a prompt share its tokens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rather.data.batch import Row
from rather.records import Comparison, Prompt

MAX_COMPLETIONS = 8
"""Completions one row gathers; more opinions on the prompt open another row."""


@dataclass(frozen=True)
class Opinion:
    """One judgment about some of a row's completions."""

    places: tuple[int, ...]
    """Which completions of the row, as in the judgment."""
    ranks: tuple[int, ...]
    """1 = best; equal numbers tie."""
    strength: int = 1
    judgment_id: str = ""

    @property
    def is_tied_pair(self) -> bool:
        """Two completions called equal."""
        return len(self.ranks) == 2 and self.ranks[0] == self.ranks[1]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(better, worse) places, ties left out."""
        return [
            (better, worse)
            for better, high in zip(self.places, self.ranks, strict=True)
            for worse, low in zip(self.places, self.ranks, strict=True)
            if high < low
        ]


@dataclass(frozen=True)
class Judged:
    """A row and every opinion on it."""

    row: Row
    opinions: tuple[Opinion, ...]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(better, worse) places of all opinions."""
        return [pair for opinion in self.opinions for pair in opinion.pairs]


Text = tuple[str, bool]  # a completion's text, and whether the length limit cut it off


def gather(
    comparisons: Iterable[Comparison], encode: Callable[[Prompt, tuple[Text, ...]], Row]
) -> list[Judged]:
    """Comparisons grouped by prompt into rows of at most eight different completions."""
    groups: dict[str, list[_Group]] = {}
    for comparison in comparisons:
        cut = comparison.is_cut_off or (False,) * len(comparison.completions)
        texts = tuple(zip(comparison.completions, cut, strict=True))
        rows = groups.setdefault(comparison.prompt.id, [])
        if not rows or not rows[-1].has_room_for(texts):
            rows.append(_Group(comparison.prompt))
        rows[-1].add(texts, comparison)
    return [
        Judged(encode(group.prompt, tuple(group.texts)), tuple(group.opinions))
        for rows in groups.values()
        for group in rows
    ]


class _Group:
    """A row in the making."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.texts: dict[Text, int] = {}
        self.opinions: list[Opinion] = []

    def has_room_for(self, texts: tuple[Text, ...]) -> bool:
        return len(self.texts.keys() | set(texts)) <= MAX_COMPLETIONS

    def add(self, texts: tuple[Text, ...], comparison: Comparison) -> None:
        places = tuple(self.texts.setdefault(text, len(self.texts)) for text in texts)
        self.opinions.append(
            Opinion(places, comparison.ranks, comparison.strength, comparison.judgment_id)
        )
