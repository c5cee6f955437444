"""Everything that can be asked and everybody who is asked, as it stands now, in memory."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable

from rather.config.labelling import Labelling
from rather.feedback.assignment import Item, is_askable, items_of, wanted_judges
from rather.feedback.items import opaque_id
from rather.records import WITHDRAWN, Assignment, Completion, Judgment, Prompt, Question, Remark
from rather.web.labelling.ledger import Key, Labelled, Ledger
from rather.web.labelling.places import Places
from rather.web.labelling.pool import Pool

Row = Assignment | Remark | Judgment


class Board:
    """Items with their people; it knows no database, and is not safe to share between threads."""

    def __init__(self, secret: bytes, section: Labelling, moment: Callable[[], str]) -> None:
        self.pool = Pool()
        self.ledger = Ledger(self._place, section.checks.num_flags)
        self.prompts: dict[str, Prompt] = {}
        self.texts: dict[str, str] = {}
        """Of completions, by id."""
        self.chosen: set[str] = set()
        """Items that are asked alone, once there are any."""
        self._secret = secret
        self._section = section
        self._moment = moment
        self._answers: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
        self._asked: dict[str, dict[str, Item]] = defaultdict(dict)
        self._wanted: dict[str, int] = {}
        self._blocked: dict[str, set[str]] = {}
        self._ends: list[tuple[str, str]] = []
        self._names: dict[str, Key] = {}

    def labelled(self, labeller_id: str) -> Labelled:
        """One labeller's work so far."""
        return self.ledger.labelled[labeller_id]

    def places(self, item: str) -> Places:
        """The people of one item; one that nobody met has none."""
        return self.ledger.places.get(item) or Places()

    def wanted(self, item: str) -> int:
        """How many people should judge it."""
        if item not in self._wanted:
            self._wanted[item] = wanted_judges(self._secret, self._section.overlap, item)
        return self._wanted[item]

    def id_of(self, one: Assignment) -> str:
        """What a browser sees of it: nothing tells a repeat from another item."""
        name = f"{one.item} again" if one.purpose == "repeat" else one.item
        return opaque_id(self._secret, name)

    def find(self, labeller_id: str, id: str) -> Assignment | None:
        """What this labeller was shown under that id; None for everything else."""
        key = self._names.get(id)
        found = None if key is None else self.labelled(labeller_id).assignments.get(key)
        return None if found is None or self._is_withdrawn(found) else found

    def is_for(self, labeller_id: str, one: Assignment) -> bool:
        """Whether an assignment of theirs may still be shown."""
        places, item = self.places(one.item), self.pool.items.get(one.item)
        is_awaited = item is not None and item.is_awaited  # a pair, whatever else is asked
        return (
            (one.kind == self._section.kind or is_awaited)
            and labeller_id not in places.passed
            and not places.is_hidden
            and not self._is_withdrawn(one)
            and (one.purpose != "work" or not places.settled_by)
            and all(id in self.texts for id in one.completion_ids)
        )

    def has_room(self, labeller_id: str, item: str, others: Iterable[str] = ()) -> bool:
        """Whether one more may have it, besides those who do and the `others`."""
        taken = self.places(item).taken(self._moment()).union(others) - {labeller_id}
        return len(taken) < self.wanted(item)

    def num_left(self, labeller_id: str) -> int:
        """Items still open for this labeller, those included that they hold."""
        mine, now = self.labelled(labeller_id), self._moment()
        held = [one for one in mine.unanswered.values() if one.expires_at > now]
        num_held = sum(self.is_for(labeller_id, one) for one in held)
        return self.pool.num_open - mine.num_blocked + num_held

    def add_prompts(self, rows: Iterable[Prompt]) -> None:
        """Prompts that are new, or asked from now on or not any more; they may need no answers."""
        for prompt in rows:
            self.prompts[prompt.id] = prompt
            self._list(prompt)

    def add_completions(self, rows: Iterable[Completion]) -> None:
        """New completions; a text that its prompt has already is not asked about again."""
        grown: dict[str, None] = {}
        for one in rows:
            self.texts[one.id] = one.text
            texts = self._answers[one.prompt_id].setdefault(one.contest, {})
            if is_askable(one) and one.text not in texts:
                texts[one.text] = one.id
                grown[one.prompt_id] = None
        for prompt_id in grown:
            self._list(self.prompts[prompt_id])

    def choose(self, rows: Iterable[Question]) -> None:
        """Questions that were chosen: from the first on, nothing else is asked."""
        names = {one.item for one in rows if one.kind == self._section.kind} - self.chosen
        if not (self._section.only_chosen and names):
            return
        moved = names if self.chosen else set(self.pool.items)
        self.chosen |= names
        for name in moved:
            self._place(name)

    def note(self, rows: Iterable[Row]) -> None:
        """Take rows into account that are on disk, each once."""
        for row in rows:
            if isinstance(row, Judgment):
                made = self.ledger.judge(row)
                if made is not None:
                    self._names[self.id_of(made)] = (made.item, made.purpose)
            elif isinstance(row, Remark):
                self.ledger.remark(row)
            else:
                self._names[self.id_of(row)] = (row.item, row.purpose)
                heapq.heappush(self._ends, (row.expires_at, row.item))
                self.ledger.assign(row)

    def let_go(self) -> None:
        """Offer what was held until now and is not any more."""
        now = self._moment()
        while self._ends and self._ends[0][0] <= now:
            self._place(heapq.heappop(self._ends)[1])

    def _list(self, prompt: Prompt) -> None:
        groups = self._answers[prompt.id].items()
        answers = {contest: list(texts.values()) for contest, texts in groups}
        asked = {item.name: item for item in items_of(prompt, answers, self._section)}
        for name in self._asked[prompt.id].keys() - asked.keys():
            # A group of answers that is put together otherwise now.
            del self.pool.items[name]
            self._place(name)
        self._asked[prompt.id] = asked
        for name, item in asked.items():
            if name not in self.pool.items:
                self.pool.items[name] = item
                self._place(name)

    def _place(self, name: str) -> None:
        """Offer an item, or do not any more, as its people have changed."""
        for labeller_id in self._blocked.pop(name, ()):
            self.labelled(labeller_id).num_blocked -= 1
        places = self.places(name)
        taken, wanted = places.taken(self._moment()), self.wanted(name)
        is_known = name in self.pool.items and not places.is_hidden and not places.settled_by
        if not is_known or not self._is_asked(name) or len(taken) >= wanted:
            self.pool.close(name)
            return
        self.pool.open(name, len(taken), bool(taken) and wanted > self._section.overlap.judges)
        blocked = taken | places.passed
        if blocked:
            self._blocked[name] = blocked
        for labeller_id in blocked:
            self.labelled(labeller_id).num_blocked += 1

    def _is_withdrawn(self, one: Assignment) -> bool:
        prompt = self.prompts.get(one.prompt_id)
        return prompt is not None and prompt.source == WITHDRAWN

    def _is_asked(self, name: str) -> bool:
        return not self.chosen or name in self.chosen or self.pool.items[name].is_awaited
