"""Keys of the served API: shown once, kept as hashes."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, select

from rather.errors import DataError, UsageError
from rather.records import MAX_NAME_CHARACTERS
from rather.store.database import Database
from rather.store.schema import API_KEYS

Role = Literal["client", "admin"]
PREFIX = "rather-"
NUM_ID_DIGITS = 12


@dataclass(frozen=True)
class ApiKey:
    """A key that opens, without what opens."""

    hash: str
    name: str
    """Whose it is."""
    role: Role
    """A client generates; an admin also loads, unloads and switches."""
    created_at: str

    @property
    def id(self) -> str:
        """The first digits of its hash: they name it and open nothing."""
        return self.hash[:NUM_ID_DIGITS]


def create(db: Database, name: str, role: Role) -> str:
    """A new key, known only now; UsageError for a name that is taken or none."""
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise UsageError(f"A key's name has 1 to {MAX_NAME_CHARACTERS} characters.")
    key = PREFIX + secrets.token_urlsafe(32)

    def act(connection: Connection) -> None:
        open_names = select(API_KEYS.c.name).where(API_KEYS.c.revoked_at.is_(None))
        if name in set(connection.scalars(open_names)):
            raise UsageError(f"There is a key named {name}; revoke it first, or name another.")
        values = {"hash": hash_of(key), "name": name, "role": role, "created_at": _now()}
        connection.execute(API_KEYS.insert().values(values))

    db.write(act)
    return key


def all(db: Database) -> list[ApiKey]:
    """The keys that open, the oldest first."""
    query = select(API_KEYS).where(API_KEYS.c.revoked_at.is_(None)).order_by(API_KEYS.c.seq)
    with db.read() as connection:
        return [
            ApiKey(row["hash"], row["name"], row["role"], row["created_at"])
            for row in connection.execute(query).mappings()
        ]


def revoke(db: Database, name: str) -> None:
    """Close a key; DataError where none of that name is open."""
    is_it = (API_KEYS.c.name == name) & API_KEYS.c.revoked_at.is_(None)
    closing = API_KEYS.update().where(is_it).values(revoked_at=_now())
    if db.write(lambda connection: connection.execute(closing).rowcount) == 0:
        raise DataError(f"There is no key named {name[:MAX_NAME_CHARACTERS]}.")


def hash_of(key: str) -> str:
    """What is kept of a key."""
    # The replacement keeps odd bytes of a header from failing: they match nothing.
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
