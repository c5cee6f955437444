"""What admins settled: one answer for an item, that a later one of theirs supersedes."""

from dataclasses import replace

from sqlalchemy import Connection, select

from rather.feedback.items import item_of
from rather.records import Judgment
from rather.store import judgments
from rather.store.database import Database
from rather.store.schema import JUDGMENTS


def settle(db: Database, resolution: Judgment) -> tuple[Judgment, bool]:
    """Store a resolution in place of the one before about its item; whether its key was known.

    Found and replaced in one transaction, so that an item is never settled twice at once.
    """

    def act(connection: Connection) -> tuple[Judgment, bool]:
        known = judgments.by_key(connection, resolution.idempotency_key)
        if known is not None:
            return known, True
        former = _live(connection, resolution)
        return judgments.record_in(connection, replace(resolution, supersedes=former))

    return db.write(act)


def _live(connection: Connection, resolution: Judgment) -> str | None:
    """The resolution of the same item that counts until now."""
    query = select(JUDGMENTS).where(
        JUDGMENTS.c.prompt_id == resolution.prompt_id, JUDGMENTS.c.source == "resolution"
    )
    rows = connection.execute(query.order_by(JUDGMENTS.c.seq)).mappings()
    found = [judgments.to_record(row) for row in rows]
    superseded = {one.supersedes for one in found}
    item = item_of(resolution)
    live = [
        one.id
        for one in found
        if one.id not in superseded and not one.is_retraction and item_of(one) == item
    ]
    return live[-1] if live else None
