"""Everything that was asked and said, folded item by item: what the admin's pages read.

The history is read once and then followed. Nothing in here is written anywhere.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends
from sqlalchemy import Connection
from starlette.requests import Request

from rather.config.labelling import Labelling
from rather.errors import DataError
from rather.feedback.agreement.labels import is_label
from rather.feedback.answer import Answer
from rather.feedback.assignment import Item, all_items, asked_of
from rather.feedback.items import item_name, opaque_id
from rather.feedback.kinds import answer_of
from rather.feedback.words import prompt_text
from rather.records import Judgment, Remark
from rather.store import assignments, completions, judgments, prompts, questions, remarks
from rather.store.database import Database
from rather.store.rows import Mark, marks
from rather.store.schema import ASSIGNMENTS, COMPLETIONS, JUDGMENTS, PROMPTS, QUESTIONS, REMARKS
from rather.web.admin.leaks import Leaks
from rather.web.context import CurrentContext

LOG = logging.getLogger(__name__)
SNIPPET = 200
"""Characters of a prompt in a list."""
_FOLLOWED = (JUDGMENTS, REMARKS, ASSIGNMENTS, PROMPTS, COMPLETIONS, QUESTIONS)


@dataclass
class Entry:
    """One item with all that was said about it."""

    item: Item
    id: str
    """What browsers call it."""
    events: list[Judgment] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    first_event: str = ""
    """When something was first said about it; empty while it was not."""

    @property
    def is_touched(self) -> bool:
        """Whether anything was ever said about it."""
        return bool(self.first_event)

    def note(self, moment: str) -> None:
        """Something was said at that moment."""
        self.first_event = min(moment, self.first_event or moment)

    @property
    def order(self) -> tuple[str, ...]:
        """Its completions in an order that never changes."""
        return tuple(sorted(self.item.completion_ids))


class Ledger:
    """The folded history of one workspace; use it inside `reading`."""

    def __init__(self, db: Database, section: Labelling, secret: bytes) -> None:
        self.section = section
        self.secret = secret
        self._db = db
        self._leaks = Leaks(section.checks.identity_words)
        self._lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self.marks: tuple[Mark, ...] = (Mark(0, 0),) * len(_FOLLOWED)
        self.entries: dict[str, Entry] = {}
        """By item name."""
        self.by_id: dict[str, Entry] = {}
        self.asked: set[str] = set()
        """Names of the items that can be asked now."""
        self.live: dict[str, Judgment] = {}
        """The judgments that count, in the order they came."""
        self.answers: dict[str, Answer] = {}
        """What each of them says, read once."""
        self.snippets: dict[str, str] = {}
        """How each prompt's last turn begins."""
        self.leaks: dict[str, list[str]] = {}
        """Identity words by completion."""
        self.num_unreadable = 0
        self._withdrawn: set[str] = set()

    @contextmanager
    def reading(self) -> Iterator["Ledger"]:
        """Itself, up to date and standing still."""
        with self._lock:
            with self._db.read() as connection:
                self._follow(connection)
            yield self

    def labels(self) -> Iterator[tuple[Judgment, Answer]]:
        """The live judgments of people that count as labels."""
        return (
            (judgment, self.answers[id]) for id, judgment in self.live.items() if is_label(judgment)
        )

    def _follow(self, connection: Connection) -> None:
        now, withdrawn = marks(connection, _FOLLOWED), set(prompts.withdrawn(connection))
        if now == self.marks and withdrawn == self._withdrawn:
            return
        if self._missed_some(connection, now):
            self._forget()
        before = self.marks
        if now[3:] != before[3:] or withdrawn != self._withdrawn:
            self._look_at_all_there_is(connection)
        for judgment in judgments.after(connection, before[0].newest):
            self._take_judgment(judgment)
        for assignment in assignments.after(connection, before[2].newest):
            item = Item(
                assignment.item, assignment.kind, assignment.prompt_id, assignment.completion_ids
            )
            self._entry(item)
        for remark in remarks.after(connection, before[1].newest):
            self._take_remark(remark)
        self.marks, self._withdrawn = now, withdrawn

    def _missed_some(self, connection: Connection, now: tuple[Mark, ...]) -> bool:
        """Whether rows came whose numbers lie below what was read already."""
        for table, before, mark in zip(_FOLLOWED[:3], self.marks, now, strict=False):
            if mark.num_rows - before.num_rows > mark.newest - before.newest:
                LOG.debug("%s is read again", table.name)
                return True
        return False

    def _look_at_all_there_is(self, connection: Connection) -> None:
        asked, answers = prompts.after(connection, 0), completions.after(connection, 0)
        kind = self.section.kind
        items = all_items(asked, answers, self.section)
        chosen = {one.item for one in questions.after(connection, 0) if one.kind == kind}
        self.asked = {item.name for item in asked_of(items, chosen, self.section)}
        for item in items:
            self._entry(item)
        self.snippets = {prompt.id: prompt_text(prompt)[:SNIPPET] for prompt in asked}
        self.leaks = self._leaks.of(answers)

    def _take_judgment(self, judgment: Judgment) -> None:
        try:
            answer = answer_of(judgment)
        except DataError as error:
            LOG.warning("judgment %s is left out of the overview: %s", judgment.id, error)
            self.num_unreadable += 1
            return
        ids = answer.completion_ids
        name = item_name(judgment.kind, judgment.prompt_id, ids)
        entry = self._entry(Item(name, judgment.kind, judgment.prompt_id, ids))
        entry.note(judgment.created_at)
        entry.events.append(judgment)
        if judgment.supersedes is not None:
            self.live.pop(judgment.supersedes, None)
            self.answers.pop(judgment.supersedes, None)
        if not judgment.is_retraction:
            self.live[judgment.id] = judgment
            self.answers[judgment.id] = answer

    def _take_remark(self, remark: Remark) -> None:
        entry = self.entries.get(remark.item)
        if entry is None:
            LOG.warning("remark %s names an item that is not known", remark.id)
            self.num_unreadable += 1
            return
        entry.note(remark.created_at)
        entry.remarks.append(remark)

    def _entry(self, item: Item) -> Entry:
        known = self.entries.get(item.name)
        if known is None:
            known = self.entries[item.name] = Entry(item, opaque_id(self.secret, item.name))
            self.by_id[known.id] = known
        return known


def ledger_of(request: Request, context: CurrentContext) -> Ledger:
    """The ledger of this server, made at the first look."""
    state = request.app.state
    with _MAKING:
        if not hasattr(state, "ledger"):
            state.ledger = Ledger(context.db, context.config.label, context.worklist.secret)
    return cast(Ledger, state.ledger)


_MAKING = threading.Lock()
CurrentLedger = Annotated[Ledger, Depends(ledger_of)]
