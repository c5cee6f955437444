"""What every labeller was shown and has said, folded from the store's events as they come."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from rather.errors import DataError
from rather.feedback.answer import Answer
from rather.feedback.items import item_name
from rather.feedback.kinds import answer_of
from rather.records import Assignment, Judgment, Purpose, Remark, Source
from rather.web.labelling.places import Places

OWN_SOURCES: frozenset[Source] = frozenset({"label", "gold_check", "repeat"})
"""Of what is said in the labelling page, whatever it was asked for."""

Key = tuple[str, Purpose]
"""An item, and what it was shown for."""


class Entry(NamedTuple):
    """A judgment that counts."""

    labeller_id: str
    key: Key
    source: Source
    day: str
    is_simulated: bool


class Truth(NamedTuple):
    """The known answer of a control item."""

    prompt_id: str
    answer: Answer


@dataclass
class Labelled:
    """One labeller's work."""

    assignments: dict[Key, Assignment] = field(default_factory=dict)
    answered: dict[Key, set[str]] = field(default_factory=dict)
    """Live judgments, oldest first; two of one item while an edit between them is not known yet."""
    unanswered: dict[Key, Assignment] = field(default_factory=dict)
    days: Counter[str] = field(default_factory=Counter)
    """What was said in the page, by day."""
    checked: dict[str, tuple[str, str, Answer]] = field(default_factory=dict)
    """(moment, item, answer) of answers to control items."""
    num_pairs: int = 0
    """Pairs whose sides were drawn."""
    num_blocked: int = 0
    """Open items that are not open for this labeller."""


class Ledger:
    """All labellers; `changed` hears of every item whose people may have changed."""

    def __init__(self, changed: Callable[[str], None], num_flags: int) -> None:
        self.labelled: dict[str, Labelled] = defaultdict(Labelled)
        self.places: dict[str, Places] = defaultdict(Places)
        self.truths: dict[str, Truth] = {}
        """The known answers of control items."""
        self.num_judgments = 0
        """Of everybody, those to control items and repeats too, or counting would tell them."""
        self._changed = changed
        self._num_flags = num_flags
        self._live: dict[str, Entry] = {}
        self._superseded: set[str] = set()
        self._known: set[str] = set()

    def assign(self, one: Assignment) -> None:
        """Take an assignment, or its later lease, into account."""
        mine, key = self.labelled[one.labeller_id], (one.item, one.purpose)
        if key not in mine.assignments and one.kind == "pair" and one.purpose != "repeat":
            mine.num_pairs += 1
        mine.assignments[key] = one
        if key not in mine.answered:
            mine.unanswered[key] = one
            if one.purpose == "work":
                self.places[one.item].leases[one.labeller_id] = one.expires_at
                self._changed(one.item)

    def remark(self, one: Remark) -> None:
        """Take a skip, a flag, or what follows from them into account, once."""
        if one.id not in self._known:
            self._known.add(one.id)
            self.places[one.item].hear(one, self._num_flags)
            self._changed(one.item)

    def judge(self, one: Judgment) -> Assignment | None:
        """Take one event into account, once, whatever the order in which they become known.

        Gives an assignment that nobody made where the judgment is older than assignments are.
        """
        if one.id in self._known:
            return None
        self._known.add(one.id)
        if one.supersedes is not None:
            self._superseded.add(one.supersedes)
            self._forget(one.supersedes)
        if one.is_retraction or one.id in self._superseded:
            return None
        return self._count(one)

    def _count(self, one: Judgment) -> Assignment | None:
        try:
            answer = answer_of(one)
        except DataError:  # told where it would be learnt from; it is about no item
            return None
        made = None
        item = item_name(one.kind, one.prompt_id, answer.completion_ids)
        entry = Entry(one.labeller_id, (item, purpose_of(one)), one.source, one.created_at[:10],
                      one.is_simulated)  # fmt: skip
        self._live[one.id] = entry
        if one.source == "gold":
            self.truths[item] = Truth(one.prompt_id, answer)
        elif one.source == "resolution":
            self.places[item].settled_by.add(one.id)
        else:
            self.num_judgments += 1
            if not one.is_simulated:
                made = self._count_of_person(one, entry, answer)
        self._changed(item)
        return made

    def _count_of_person(self, one: Judgment, entry: Entry, answer: Answer) -> Assignment | None:
        mine, item = self.labelled[one.labeller_id], entry.key[0]
        mine.answered.setdefault(entry.key, set()).add(one.id)
        mine.unanswered.pop(entry.key, None)
        if one.source in OWN_SOURCES:
            mine.days[entry.day] += 1
        if one.source == "gold_check":
            mine.checked[one.id] = (one.created_at, item, answer)
        if entry.key[1] == "work":
            self.places[item].judges.add(one.labeller_id)
            self.places[item].leases.pop(one.labeller_id, None)
        if one.source == "label" and entry.key not in mine.assignments:
            # Judged before assignments were kept: its sides say how it was shown.
            made = mine.assignments[entry.key] = Assignment(
                item, one.labeller_id, "work", one.kind, one.prompt_id, answer.completion_ids,
                one.created_at, one.created_at,
            )  # fmt: skip
            return made
        return None

    def _forget(self, id: str) -> None:
        entry = self._live.pop(id, None)
        if entry is None:
            return
        item, _ = entry.key
        if entry.source == "gold":
            self.truths.pop(item, None)
        elif entry.source == "resolution":
            self.places[item].settled_by.discard(id)
        else:
            self.num_judgments -= 1
            if not entry.is_simulated:
                self._forget_of_person(entry, id)
        self._changed(item)

    def _forget_of_person(self, entry: Entry, id: str) -> None:
        mine, (item, purpose) = self.labelled[entry.labeller_id], entry.key
        mine.checked.pop(id, None)
        if entry.source in OWN_SOURCES:
            mine.days[entry.day] -= 1
        mine.answered[entry.key].discard(id)
        if mine.answered[entry.key]:
            return  # a later edit came from another server first; the item stays answered by it
        del mine.answered[entry.key]
        if purpose == "work":
            self.places[item].judges.discard(entry.labeller_id)
        if entry.key in mine.assignments:
            self.assign(mine.assignments[entry.key])


def purpose_of(judgment: Judgment) -> Purpose:
    """What the item of a judgment was shown for."""
    if judgment.source in ("gold", "gold_check"):
        return "gold"
    return "repeat" if judgment.source == "repeat" else "work"
