"""What reactions of users say about the versions that answered them: shares with intervals.

Evidence from use, beside any evaluation and never part of one: users choose what they ask, and
whether to react at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from rather.equations.intervals import Interval, wilson
from rather.feedback.use.records import Reaction


@dataclass(frozen=True)
class Duel:
    """How often users preferred one version's answer to another's."""

    asked: str
    """The model they had asked for; empty where they had named several."""
    first: str
    second: str
    win_rate: Interval
    """Of the first, which is the one preferred more often; a tie is half a win."""
    num_both_bad: int
    """Beside those: both were called bad."""


@dataclass(frozen=True)
class Approval:
    """How often users called a version's answer good."""

    asked: str
    model: str
    share: Interval
    num_corrected: int
    """Answers of it that users wrote better, beside those."""


def counting(reactions: Iterable[Reaction]) -> list[Reaction]:
    """Each client's last word about the same completions, in the order of their first."""
    last: dict[tuple[str, str], Reaction] = {}
    for one in reactions:
        last[one.client, one.item] = one
    return list(last.values())


def duels(reactions: Iterable[Reaction]) -> list[Duel]:
    """Every two versions whose answers were compared, by the model asked for and their names."""
    found: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for one in reactions:
        sides = sorted(zip(one.models, one.ranks, strict=True)) if _compares(one) else []
        for (first, rank), (second, other) in combinations(sides, 2):
            if first != second:
                found.setdefault((one.asked, first, second), []).append((rank, other))
    return [_duel(*names, said) for names, said in sorted(found.items())]


def approvals(reactions: Iterable[Reaction]) -> list[Approval]:
    """Every version that users called good or bad, or corrected."""
    said: dict[tuple[str, str], list[Reaction]] = {}
    for one in reactions:
        if not _compares(one):
            said.setdefault((one.asked, one.models[0]), []).append(one)
    return [_approval(*names, given) for names, given in sorted(said.items())]


def _compares(reaction: Reaction) -> bool:
    return reaction.kind in ("pair", "ranking")


def _duel(asked: str, first: str, second: str, said: list[tuple[int, int]]) -> Duel:
    decided = [one for one in said if one != (2, 2)]
    wins = sum((rank < other) + 0.5 * (rank == other) for rank, other in decided)
    if 2 * wins < len(decided):
        first, second, wins = second, first, len(decided) - wins
    return Duel(asked, first, second, wilson(wins, len(decided)), len(said) - len(decided))


def _approval(asked: str, model: str, given: list[Reaction]) -> Approval:
    thumbs = [one.ranks[0] for one in given if one.kind == "thumb"]
    return Approval(asked, model, wilson(thumbs.count(1), len(thumbs)), len(given) - len(thumbs))
