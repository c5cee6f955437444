"""What somebody has begun to write about an item and not sent yet."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from rather.store.database import Database
from rather.store.rows import chunks
from rather.store.schema import DRAFTS


def put(
    connection: Connection, labeller_id: str, item: str, content: dict[str, Any], now: str
) -> None:
    """Keep this one instead of the one before, inside a transaction."""
    remove(connection, labeller_id, item)
    connection.execute(
        DRAFTS.insert().values(labeller_id=labeller_id, item=item, content=content, updated_at=now)
    )


def remove(connection: Connection, labeller_id: str, item: str) -> None:
    """Forget it, if there is one, inside a transaction."""
    is_it = (DRAFTS.c.labeller_id == labeller_id) & (DRAFTS.c.item == item)
    connection.execute(DRAFTS.delete().where(is_it))


def of(db: Database, labeller_id: str, items: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A labeller's drafts about these items, by item."""
    found: dict[str, dict[str, Any]] = {}
    with db.read() as connection:
        for part in chunks(items):
            query = select(DRAFTS.c.item, DRAFTS.c.content).where(
                DRAFTS.c.labeller_id == labeller_id, DRAFTS.c.item.in_(part)
            )
            found |= {row.item: row.content for row in connection.execute(query)}
    return found
