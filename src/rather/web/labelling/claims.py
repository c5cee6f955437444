"""Who gets what next, decided inside the write that stores it.

A claim looks at the board, at the rows newer than the board, and at the leases on what it picked:
the store's writes come one after another, so no two claims can take the last place of an item.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection

from rather.errors import DataError
from rather.feedback.assignment import Item, drawn, in_order, purpose_of, reordered
from rather.feedback.items import item_of
from rather.feedback.kinds import KINDS
from rather.records import Assignment, Purpose
from rather.store import assignments, judgments
from rather.web.labelling.ledger import purpose_of as purpose_said
from rather.web.worklist import Worklist

T = TypeVar("T")
MAX_PICKS = 64
"""Items that are tried where other servers have them meanwhile."""
JUDGMENTS_BETWEEN = 5
"""Judgments after an item before it is asked again."""
STILL_FRESH = 0.9
"""A lease with more than this share of its time left is not renewed yet, which saves a write."""


@dataclass(frozen=True)
class Wish:
    """What a labeller's page asks for."""

    labeller_id: str
    count: int = 1
    most: int = 1
    """Items they may have by asking for more; what they hold already is shown all the same."""
    holding: Sequence[str] = ()
    """Ids that the page has already."""
    skipped: Sequence[str] = ()
    """Ids that come last, in their order."""


def ask(worklist: Worklist, wish: Wish) -> list[Assignment]:
    """What this labeller is to be shown: what they hold, then what is new, then what they passed
    over; all of it, and what the page has already, is theirs for another while."""
    with worklist.lock:
        kept, fresh, late = _held(worklist, wish)
        is_enough = len(fresh) >= min(wish.count, wish.most) or not _may_claim(
            worklist, wish.labeller_id
        )
        shown = (fresh + late)[: wish.count] if is_enough else fresh
        if is_enough and all(_is_fresh(worklist, one) for one in (*kept, *shown)):
            return shown

    def act(connection: Connection) -> tuple[list[Assignment], list[Assignment]]:
        with worklist.lock:
            claim = Claim(worklist, connection, wish.labeller_id)
            for one in kept:
                claim.renew(one)
            found: list[Assignment] = []
            for one in fresh:
                found += claim.renew(one) if len(found) < wish.count else []
            while len(found) < min(wish.count, wish.most) and (new := claim.take()) is not None:
                found.append(new)
            for one in late:
                found += claim.renew(one) if len(found) < wish.count else []
            return found, claim.written

    found, written = worklist.db.write(act)
    worklist.note(written)
    return found


def hold(worklist: Worklist, connection: Connection, one: Assignment) -> list[Assignment]:
    """Keep what somebody works on for another while, inside a transaction; what was written."""
    with worklist.lock:
        claim = Claim(worklist, connection, one.labeller_id)
        claim.renew(one)
        return claim.written


class Claim:
    """One labeller's claims in one transaction; `written` is to be noted once it is on disk."""

    def __init__(self, worklist: Worklist, connection: Connection, labeller_id: str) -> None:
        self.written: list[Assignment] = []
        self._worklist = worklist
        self._board = worklist.board
        self._connection = connection
        self._labeller_id = labeller_id
        self._mine = self._board.labelled(labeller_id)
        self._now = worklist.moment()
        self._until = worklist.moment(worklist.section.lease_minutes)
        self._newer: dict[str, set[str]] = defaultdict(set)
        self._num_asked = len(self._mine.assignments)
        self._num_pairs = self._mine.num_pairs
        self._read_newer()

    def renew(self, one: Assignment) -> list[Assignment]:
        """Keep something of theirs for another while; [] where others have taken its place."""
        if one.expires_at <= self._now and one.purpose == "work" and not self._has_room(one.item):
            return []
        if not _is_fresh(self._worklist, one):
            assignments.renew(
                self._connection, self._labeller_id, one.item, one.purpose, self._until
            )
            one = replace(one, expires_at=self._until)
            self.written.append(one)
        return [one]

    def take(self) -> Assignment | None:
        """Something they have not had; None when nothing is left."""
        if not _may_claim(self._worklist, self._labeller_id):
            return None
        section, secret = self._worklist.section, self._worklist.secret
        purpose = purpose_of(secret, section.checks, self._labeller_id, self._num_asked)
        is_checked = section.checks.gold is not None
        if purpose == "gold" and is_checked and (item := self._gold()) is not None:
            return self._assign(item, "gold")
        if purpose == "repeat" and (again := self._repeat()) is not None:
            return again
        found = self._work()
        return None if found is None else self._assign(found, "work")

    def _work(self) -> Item | None:
        number = str(self._num_asked)
        seed = f"{self._labeller_id}:{number}"
        chance = drawn(self._worklist.secret, "begun", self._labeller_id, number)
        full: set[str] = set()

        def is_free(name: str) -> bool:
            return (
                name not in full
                and (name, "work") not in self._mine.answered
                and (name, "work") not in self._mine.unanswered
                and self._labeller_id not in self._newer.get(name, ())
                and self._labeller_id not in self._board.places(name).passed
                and self._board.has_room(self._labeller_id, name, self._newer.get(name, ()))
            )

        for _ in range(MAX_PICKS):
            item = self._board.pool.pick(seed, is_free, chance < self._worklist.share_of_more)
            if item is None or self._has_room(item.name):
                return item
            full.add(item.name)
        return None

    def _has_room(self, item: str) -> bool:
        """Whether the store, too, has a place; another server may have renewed an old lease."""
        others = set(self._newer.get(item, ()))
        if self._board.places(item).leases.keys() - {self._labeller_id}:
            others |= assignments.holders(self._connection, [item], self._now).get(item, {}).keys()
        return self._board.has_room(self._labeller_id, item, others)

    def _gold(self) -> Item | None:
        """A control item they have not had, drawn."""
        found = [
            Item(name, truth.answer.kind, truth.prompt_id, truth.answer.completion_ids)
            for name, truth in self._board.ledger.truths.items()
            if (name, "gold") not in self._mine.assignments
            and truth.answer.kind == self._worklist.section.kind
            and self._labeller_id not in self._newer.get(name, ())
            and self._labeller_id not in self._board.places(name).passed
            and not self._board.places(name).is_hidden
        ]
        return self._draw(found)

    def _repeat(self) -> Assignment | None:
        """Something they judged a while ago, in another order."""
        kind, mine = self._worklist.section.kind, self._mine
        if not KINDS[kind].is_checkable:
            return None
        found = [
            mine.assignments[key]
            for key in list(mine.answered)[:-JUDGMENTS_BETWEEN]
            if key[1] == "work"
            and key in mine.assignments
            and mine.assignments[key].kind == kind
            and (key[0], "repeat") not in mine.assignments
            and self._board.is_for(self._labeller_id, mine.assignments[key])
        ]
        first = self._draw(found)
        if first is None or f"{first.item} again" in self._newer:
            return None
        shown = reordered(
            self._worklist.secret, self._labeller_id, first.item, first.completion_ids
        )
        return self._store(replace(first, purpose="repeat", completion_ids=shown))

    def _draw(self, found: Sequence[T]) -> T | None:
        number = str(self._num_asked)
        chance = drawn(self._worklist.secret, "which", self._labeller_id, number)
        return found[int(chance * len(found))] if found else None

    def _assign(self, item: Item, purpose: Purpose) -> Assignment:
        shown = in_order(self._worklist.secret, self._labeller_id, self._num_pairs, item)
        self._num_pairs += item.kind == "pair"
        return self._store(
            Assignment(
                item.name, self._labeller_id, purpose, item.kind, item.prompt_id, shown, "", ""
            )
        )

    def _store(self, one: Assignment) -> Assignment:
        one = replace(one, created_at=self._now, expires_at=self._until)
        assignments.add(self._connection, one)
        self._num_asked += 1
        self._newer[_mark(one)].add(self._labeller_id)
        self.written.append(one)
        return one

    def _read_newer(self) -> None:
        """Who has got, or judged, what since the board looked at the store."""
        heads = self._worklist.heads
        for row in assignments.after(self._connection, heads[2]):
            self._newer[_mark(row)].add(row.labeller_id)
            is_mine = row.labeller_id == self._labeller_id
            if is_mine and (row.item, row.purpose) not in self._mine.assignments:
                self._num_asked += 1
                self._num_pairs += row.kind == "pair" and row.purpose != "repeat"
        for said in judgments.after(self._connection, heads[4]):
            try:
                if purpose_said(said) == "work" and not said.is_simulated:
                    self._newer[item_of(said)].add(said.labeller_id)
            except DataError:  # it says not what it is about, so it takes nobody's place
                continue


def _mark(one: Assignment) -> str:
    return f"{one.item} again" if one.purpose == "repeat" else one.item


def _held(
    worklist: Worklist, wish: Wish
) -> tuple[list[Assignment], list[Assignment], list[Assignment]]:
    """What they have not answered yet: what the page has, what it has not, what it passed over."""
    board = worklist.board
    mine = board.labelled(wish.labeller_id).unanswered.values()
    by_id = {board.id_of(one): one for one in mine if board.is_for(wish.labeller_id, one)}
    kept = [by_id[id] for id in dict.fromkeys(wish.holding) if id in by_id]
    late = [
        by_id[id] for id in dict.fromkeys(wish.skipped) if id in by_id and by_id[id] not in kept
    ]
    return kept, [one for one in by_id.values() if one not in kept and one not in late], late


def _may_claim(worklist: Worklist, labeller_id: str) -> bool:
    board = worklist.board
    return board.pool.num_open > board.labelled(labeller_id).num_blocked


def _is_fresh(worklist: Worklist, one: Assignment) -> bool:
    return one.expires_at > worklist.moment(worklist.section.lease_minutes * STILL_FRESH)
