"""Every text that labellers were guided by, by the hash that their judgments carry."""

from sqlalchemy import Connection, select

from rather.store.database import Database
from rather.store.schema import GUIDELINES


def keep(db: Database, hash: str, text: str, now: str) -> None:
    """Store a text under its hash, once."""

    def act(connection: Connection) -> None:
        is_known = connection.scalar(select(GUIDELINES.c.hash).where(GUIDELINES.c.hash == hash))
        if is_known is None:
            connection.execute(GUIDELINES.insert().values(hash=hash, text=text, created_at=now))

    db.write(act)


def all(db: Database) -> dict[str, str]:
    """Every text by its hash, in the order they came into force."""
    query = select(GUIDELINES.c.hash, GUIDELINES.c.text)
    with db.read() as connection:
        rows = connection.execute(query.order_by(GUIDELINES.c.created_at, GUIDELINES.c.hash))
        return {row.hash: row.text for row in rows}
