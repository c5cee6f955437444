"""Small facts about the workspace itself, by name."""

from sqlalchemy import Connection, select

from rather.store.database import Database
from rather.store.schema import META


def get(db: Database, name: str) -> str | None:
    """The value kept under that name, None where there is none."""
    with db.read() as connection:
        return connection.scalar(select(META.c.value).where(META.c.name == name))


def put(db: Database, name: str, value: str) -> None:
    """Keep a value under a name, replacing the one before."""
    db.write(lambda connection: put_in(connection, name, value))


def put_in(connection: Connection, name: str, value: str) -> None:
    """`put`, inside a transaction."""
    connection.execute(META.delete().where(META.c.name == name))
    connection.execute(META.insert().values(name=name, value=value))


def beginning(connection: Connection, start: str) -> dict[str, str]:
    """The values of all names that begin so, by the rest of the name."""
    query = select(META.c.name, META.c.value).where(META.c.name.startswith(start, autoescape=True))
    return {name.removeprefix(start): value for name, value in connection.execute(query)}
