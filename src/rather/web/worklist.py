"""What there is to judge and who has judged it, kept in memory so that asking is cheap.

The store's log of events is replayed once and then followed: every event this server writes is
noted here too. New completions are looked for every few seconds.
"""

import hashlib
import hmac
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rather.feedback.assignment import CompletionPair, candidate_pairs, item_id, next_pair, side
from rather.feedback.pair import Pair
from rather.records import Completion, Judgment
from rather.store import completions, judgments
from rather.store.database import Database

RECHECK_SECONDS = 2.0


@dataclass(frozen=True)
class Item:
    """Two different completions of one prompt, without sides."""

    id: str
    """Opaque: a keyed hash of `name`, the only thing a browser ever sees."""
    name: str
    """`assignment.item_id` of the two completions."""
    pair: CompletionPair


class Worklist:
    """Every pair that can be asked, and the live judgments on them."""

    def __init__(self, db: Database, secret: bytes) -> None:
        self._db = db
        self._key = secret
        self._lock = threading.Lock()
        self._items: dict[str, Item] = {}
        self._counts: dict[str, int] | None = None
        self._checked_at = 0.0
        self._holders: dict[tuple[str, str], str] = {}
        self._log = _Log()

    def next_item(self, labeller_id: str, skipped: Sequence[str]) -> Item | None:
        """A least-judged pair this person has not judged; skipped ones last, in their order."""
        with self._lock:
            self._refresh()
            fresh = [item.pair for id, item in self._items.items() if id not in skipped]
            pair = next_pair(fresh, self._log.judges, self._key, labeller_id)
            if pair is not None:
                return self._items[self._opaque(item_id(pair[0].id, pair[1].id))]
            passed = [self._items[id] for id in skipped if id in self._items]
            judged = self._log.judged[labeller_id]
            return next((item for item in passed if item.name not in judged), None)

    def find(self, opaque_id: str) -> Item | None:
        """The pair of that id, None where the client made it up."""
        with self._lock:
            self._refresh()
            return self._items.get(opaque_id)

    def item_of(self, judgment: Judgment) -> Item | None:
        """The pair a judgment is about."""
        return self.find(self._opaque(_name_of(judgment)))

    def sides(self, item: Item, labeller_id: str) -> tuple[Completion, Completion]:
        """Left and right as this labeller sees them, the same on every visit."""
        first, second = item.pair
        return (first, second) if side(self._key, item.name, labeller_id) else (second, first)

    def progress(self, labeller_id: str) -> tuple[int, int]:
        """How many pairs this person has judged, and how many are left."""
        with self._lock:
            self._refresh()
            judged = self._log.judged[labeller_id]
            # A judged pair need not be asked any more, so it is not simply the difference.
            num_closed = sum(self._opaque(name) in self._items for name in judged)
            return len(judged), len(self._items) - num_closed

    def last_judgment(self, labeller_id: str) -> Judgment | None:
        """This person's newest live judgment."""
        with self._lock:
            self._refresh()
            return next(reversed(self._log.judged[labeller_id].values()), None)

    def retraction(self, idempotency_key: str) -> Judgment | None:
        """The undo that was done with this key already."""
        with self._lock:
            self._refresh()
            return self._log.retractions.get(idempotency_key)

    @contextmanager
    def reserved(self, labeller_id: str, item: Item, key: str) -> Iterator[bool]:
        """Hold a pair for one judgment; gives False where another one of this person has it."""
        place = (labeller_id, item.name)
        with self._lock:
            judged = self._log.judged[labeller_id].get(item.name)
            holder = judged.idempotency_key if judged else self._holders.setdefault(place, key)
        try:
            yield holder == key
        finally:
            with self._lock:
                if self._holders.get(place) == key:
                    del self._holders[place]

    def note(self, judgment: Judgment) -> None:
        """Follow one event that the store has just taken."""
        with self._lock:
            self._log.follow(judgment)

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._counts is not None and now - self._checked_at < RECHECK_SECONDS:
            return
        counts = completions.count(self._db)
        if counts != self._counts:
            pairs = candidate_pairs(completions.all(self._db))
            named = [(item_id(one.id, other.id), (one, other)) for one, other in pairs]
            items = [Item(self._opaque(name), name, pair) for name, pair in named]
            log = _Log()
            for judgment in judgments.all(self._db):
                log.follow(judgment)
            self._items = {item.id: item for item in items}
            self._log = log
            self._counts = counts
        self._checked_at = now

    def _opaque(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:26]


class _Log:
    """The pair events in order, folded into what they say now."""

    def __init__(self) -> None:
        self.judged: dict[str, dict[str, Judgment]] = defaultdict(dict)
        """Live judgments by labeller and item name, oldest first."""
        self.judges: dict[str, set[str]] = defaultdict(set)
        """People by item name; simulated labellers do not spare anybody a pair."""
        self.retractions: dict[str, Judgment] = {}
        """By idempotency key."""
        self._live: dict[str, Judgment] = {}

    def follow(self, judgment: Judgment) -> None:
        """Take one event into account; one that is known already changes nothing."""
        if judgment.kind != "pair" or judgment.id in self._live:
            return
        earlier = self._live.pop(judgment.supersedes or "", None)
        if earlier is not None:
            name = _name_of(earlier)
            self.judged[earlier.labeller_id].pop(name, None)
            self.judges[name].discard(earlier.labeller_id)
        if judgment.is_retraction:
            self.retractions[judgment.idempotency_key] = judgment
            return
        name = _name_of(judgment)
        self._live[judgment.id] = judgment
        self.judged[judgment.labeller_id][name] = judgment
        if not judgment.is_simulated:
            self.judges[name].add(judgment.labeller_id)


def _name_of(judgment: Judgment) -> str:
    return item_id(*Pair.from_answer(judgment.answer).completion_ids)
