"""What there is to judge and who has judged or holds it: a board kept true to the store.

Several servers and imports write one database. Every change but a longer lease is a new row, and
rows are numbered in the order of their commits, so following the newest numbers misses nothing.
What must hold between servers is decided again inside the write (`labelling.claims`).
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from rather.config.labelling import Labelling
from rather.feedback.assignment import Standing, share_of_more, standing
from rather.records import Assignment
from rather.store import assignments, completions, judgments, meta, prompts, questions, remarks
from rather.store.database import Database
from rather.store.rows import heads
from rather.store.schema import ASSIGNMENTS, COMPLETIONS, JUDGMENTS, PROMPTS, QUESTIONS, REMARKS
from rather.web.labelling.board import Board, Row

FOLLOWED = (PROMPTS, COMPLETIONS, ASSIGNMENTS, REMARKS, JUDGMENTS, QUESTIONS)
SECONDS_BETWEEN_LOOKS = 0.03
ACTIVE_SECONDS = 600
FORGIVEN = "control items count after: "
"""Before a labeller's id, the name in `meta` of the moment from which they are checked anew."""


def utc_now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


class Worklist:
    """The board of one workspace, for all threads of a server.

    `lock` guards the board; nobody holds it while waiting for the store to write.
    """

    def __init__(
        self,
        db: Database,
        secret: bytes,
        section: Labelling,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.db = db
        self.secret = secret
        self.section = section
        self.share_of_more = share_of_more(section.overlap)
        self.lock = threading.RLock()
        self.board = Board(secret, section, self.moment)
        self.heads = (0,) * len(FOLLOWED)
        """The newest rows that the board knows, and all before them."""
        self._now = now
        self._looked_at = float("-inf")
        self._looking = threading.Lock()
        self._active: dict[str, float] = {}
        self._forgiven: dict[str, str] = {}
        self._withdrawn: set[str] = set()

    def moment(self, later_minutes: float = 0) -> str:
        """Now, or so much later, in the form that sorts."""
        moment = self._now() + timedelta(minutes=later_minutes)
        return moment.isoformat(timespec="microseconds")

    def look(self, *, at_once: bool = False) -> None:
        """Follow what the store has taken from anybody, unless that was done just now."""
        is_new = self._looked_at < 0
        if not at_once and time.monotonic() - self._looked_at < SECONDS_BETWEEN_LOOKS:
            return
        # Whoever comes while another looks goes on with what is known, but not with nothing.
        if not self._looking.acquire(blocking=at_once or is_new):
            return
        try:
            with self.db.read() as connection:
                self._follow(connection)
            self._looked_at = time.monotonic()
        finally:
            self._looking.release()

    def note(self, rows: Iterable[Row]) -> None:
        """Take rows into account that are on disk."""
        with self.lock:
            self.board.note(rows)

    def find(self, labeller_id: str, id: str) -> Assignment | None:
        """What this labeller was shown under that id; None for everything else."""
        with self.lock:
            return self.board.find(labeller_id, id)

    def progress(self, labeller_id: str) -> tuple[int, int, int, int]:
        """Judgments of this labeller, items open for them, their judgments today, the team's."""
        with self.lock:
            days = self.board.labelled(labeller_id).days
            today, left = days[self.moment()[:10]], self.board.num_left(labeller_id)
            return sum(days.values()), left, today, self.board.ledger.num_judgments

    def standing(self, labeller_id: str) -> Standing:
        """What this labeller's answers to control items say."""
        with self.lock:
            truths, since = self.board.ledger.truths, self._forgiven.get(labeller_id, "")
            right = [
                answer.fits(truths[item].answer)
                for moment, item, answer in self.board.labelled(labeller_id).checked.values()
                if moment > since and item in truths
            ]
        return standing(sum(right), len(right), self.section.checks)

    def forgive(self, labeller_id: str, moment: str) -> None:
        """Check them only from that moment on; the store knows it already."""
        with self.lock:
            self._forgiven[labeller_id] = moment

    def most_at_once(self, labeller_id: str) -> int:
        """Items that one labeller may take along, so that the others are not left with none."""
        with self.lock:
            now = time.monotonic()
            self._active[labeller_id] = now
            num_active = sum(now - seen < ACTIVE_SECONDS for seen in self._active.values())
            return max(1, self.board.pool.num_open // (2 * num_active))

    def _follow(self, connection: Connection) -> None:
        before, newest = self.heads, heads(connection, FOLLOWED)
        with self.lock:
            if newest[0] > before[0]:
                self.board.add_prompts(prompts.after(connection, before[0]))
            if newest[1] > before[1]:
                self.board.add_completions(completions.after(connection, before[1]))
            if newest[2] > before[2]:
                self.board.note(assignments.after(connection, before[2]))
            if newest[3] > before[3]:
                self.board.note(remarks.after(connection, before[3]))
            if newest[4] > before[4]:
                self.board.note(judgments.after(connection, before[4]))
            if newest[5] > before[5]:
                self.board.choose(questions.after(connection, before[5]))
            self._follow_withdrawn(connection)
            self.heads = newest
            if self.section.checks.gold is not None:
                self._forgiven |= meta.beginning(connection, FORGIVEN)
            self.board.let_go()

    def _follow_withdrawn(self, connection: Connection) -> None:
        """Ask no prompt that was withdrawn, and one again that is not any more: neither is new."""
        now = set(prompts.withdrawn(connection))
        changed = [prompts.get_in(connection, id) for id in sorted(now ^ self._withdrawn)]
        self.board.add_prompts(one for one in changed if one is not None)
        self._withdrawn = now
