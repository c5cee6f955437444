"""What counts as a label, and what it says: about the answers themselves, never left or right.

A label is a live judgment that a person gave on an item (source label, import or api). Control
items and their answers, repeats, settlements, the playground, use and simulators are none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from rather.feedback.answer import Answer
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.records import Judgment, Source

SOURCES: frozenset[Source] = frozenset({"label", "import", "api"})
WRITTEN = "what people write cannot be counted as the same or different"
"""Why nothing is computable of demonstrations and corrections."""

Choices = Mapping[str, str]
"""By pair of answers (or "" where the item is one): first, second, tie, both_bad, good, bad."""
Ranks = Mapping[str, int]
"""By completion: 1 + the number of answers that are better."""


@dataclass(frozen=True)
class Label:
    """What one person said about one item."""

    choices: Choices
    ranks: Ranks = field(default_factory=dict)
    """Of rankings only."""


Table = dict[str, dict[str, Label]]
"""Labels by item and labeller."""


def is_label(judgment: Judgment) -> bool:
    """Whether a live judgment counts as a person's label."""
    return judgment.source in SOURCES and not judgment.is_simulated


def label_of(answer: Answer) -> Label | None:
    """What an answer says; None of what people write."""
    if isinstance(answer, Pair):
        return Label({"": _unsided(answer)})
    if isinstance(answer, Thumb):
        return Label({"": "good" if answer.good else "bad"})
    if isinstance(answer, Ranking):
        ranks = _competition(dict(zip(answer.completion_ids, answer.ranks, strict=True)))
        return Label(_ordered(ranks), ranks)
    return None


def table(said: Iterable[tuple[str, str, Label]]) -> Table:
    """Labels as (item, labeller, label) in order; of two by the same person the later counts."""
    found: Table = {}
    for item, labeller_id, label in said:
        found.setdefault(item, {})[labeller_id] = label
    return found


def shared(labels: Table) -> Table:
    """The items that at least two people judged."""
    return {item: judges for item, judges in labels.items() if len(judges) > 1}


def why_none(labels: Table) -> str:
    """Why agreement cannot be computed where no two people judged the same item."""
    people = {labeller_id for judges in labels.values() for labeller_id in judges}
    if len(people) < 2:
        return "fewer than two people have judged anything"
    return "no item was judged by two people"


def _unsided(answer: Pair) -> str:
    if answer.choice in ("tie", "both_bad"):
        return answer.choice
    is_ordered = answer.left_completion_id < answer.right_completion_id
    return "first" if (answer.choice == "A") == is_ordered else "second"


def _competition(ranks: Mapping[str, int]) -> dict[str, int]:
    """The same order with the gaps closed: (1, 3, 3) says what (1, 2, 2) says."""
    return {id: 1 + sum(other < rank for other in ranks.values()) for id, rank in ranks.items()}


def _ordered(ranks: Mapping[str, int]) -> dict[str, str]:
    """Every two answers of a ranking as the choice between them."""
    said = {}
    for one, other in combinations(sorted(ranks), 2):
        gap = ranks[one] - ranks[other]
        said[f"{one}-{other}"] = "tie" if gap == 0 else "first" if gap < 0 else "second"
    return said
