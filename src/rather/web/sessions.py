"""Whose session that is, looked up once a second and not for every request."""

import time

from rather.records import Labeller
from rather.store import logins
from rather.store.database import Database

SECONDS_TRUSTED = 1.0
"""How long another server's change (a revoked session, a role) may go unnoticed here."""
MAX_KNOWN = 10_000


class Sessions:
    """What one server remembers of the sessions that were used just now."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[Labeller, float]] = {}
        self._num_changes = 0

    def remembered(self, session: str) -> Labeller | None:
        """Its labeller, where that was looked up within the last second."""
        labeller, until = self._known.get(session, (None, 0.0))
        return labeller if time.monotonic() < until else None

    def look_up(self, session: str) -> Labeller | None:
        """Its labeller as the store says now; None where it is unknown, revoked or too old."""
        until, num_changes = time.monotonic() + SECONDS_TRUSTED, self._num_changes
        labeller = logins.labeller_of(self._db, session)
        # Not what was read while somebody changed it.
        if labeller is not None and num_changes == self._num_changes:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[session] = (labeller, until)
        return labeller

    def forget(self) -> None:
        """Look everything up again: this server has changed a session or a person."""
        self._num_changes += 1
        self._known.clear()
