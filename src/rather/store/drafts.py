"""What somebody has begun to write about an item and not sent yet."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, select

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
    connection.execute(_REMOVE, {"who": labeller_id, "what": item})


def of(db: Database, labeller_id: str, items: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A labeller's drafts about these items, by item."""
    found: dict[str, dict[str, Any]] = {}
    with db.read() as connection:
        for part in chunks(items):
            rows = connection.execute(_OF, {"who": labeller_id, "what": part})
            found |= {row.item: row.content for row in rows}
    return found


# Made once: putting a query together costs as much as running it, and these run at every click.
_REMOVE = DRAFTS.delete().where(
    DRAFTS.c.labeller_id == bindparam("who"), DRAFTS.c.item == bindparam("what")
)
_OF = select(DRAFTS.c.item, DRAFTS.c.content).where(
    DRAFTS.c.labeller_id == bindparam("who"),
    DRAFTS.c.item.in_(bindparam("what", expanding=True)),
)
