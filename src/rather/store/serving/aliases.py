"""Names that stand for a version, as `prod` does: every switch is kept, the newest is in force."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from rather.errors import DataError, UsageError
from rather.store.database import Database
from rather.store.schema import ALIAS_SWITCHES, VERSIONS

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
TAKEN = re.compile(r"base|newest|embedded|(?:sft|reward|ppo|dpo)-[0-9]+")
"""Names that mean a model already."""


@dataclass(frozen=True)
class Switch:
    """From when on an alias meant which version, and who said so."""

    alias: str
    version: str
    is_rollback: bool
    switched_at: str
    switched_by: str


def in_force(db: Database) -> dict[str, str]:
    """The version each alias means now, by name."""
    return {one.alias: one.version for one in history(db)}


def history(db: Database) -> list[Switch]:
    """Every switch of every alias, the oldest first."""
    with db.read() as connection:
        rows = connection.execute(select(ALIAS_SWITCHES).order_by(ALIAS_SWITCHES.c.seq)).mappings()
        return [_record(row) for row in rows]


def switch(db: Database, alias: str, version: str, by: str) -> Switch:
    """Let an alias mean a version from now on; it is `base` or one of the workspace's.

    Raises UsageError for a name no alias can have, DataError for a version that is not there.
    """
    if not NAME.fullmatch(alias) or TAKEN.fullmatch(alias):
        raise UsageError(
            f"{alias[:40]!r} cannot be an alias; take lower-case letters, digits, - and _, and no "
            "name a model has."
        )

    def act(connection: Connection) -> Switch:
        known = select(VERSIONS.c.name).where(VERSIONS.c.name == version)
        if version != "base" and connection.scalar(known) is None:
            raise DataError(f"There is no version {version}, so {alias} cannot mean it.")
        now = _newest(connection, alias)
        if now is not None and now["version"] == version:
            return _record(now)
        before = None if now is None else now["seq"]
        return _add(connection, alias, version, before, by, is_rollback=False)

    return db.write(act)


def roll_back(db: Database, alias: str, by: str) -> Switch:
    """Let an alias mean what it did before; once more, what it did before that.

    Raises DataError where nothing was before.
    """

    def act(connection: Connection) -> Switch:
        now = _newest(connection, alias)
        if now is None:
            raise DataError(f"There is no alias {alias[:40]}.")
        if now["before"] is None:
            raise DataError(f"{alias} has always meant {now['version']}; there is nothing before.")
        query = select(ALIAS_SWITCHES).where(ALIAS_SWITCHES.c.seq == now["before"])
        before = connection.execute(query).mappings().one()
        return _add(connection, alias, before["version"], before["before"], by, is_rollback=True)

    return db.write(act)


def _newest(connection: Connection, alias: str) -> Mapping[Any, Any] | None:
    query = select(ALIAS_SWITCHES).where(ALIAS_SWITCHES.c.alias == alias)
    return connection.execute(query.order_by(ALIAS_SWITCHES.c.seq.desc())).mappings().first()


def _add(
    connection: Connection,
    alias: str,
    version: str,
    before: int | None,
    by: str,
    *,
    is_rollback: bool,
) -> Switch:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    made = Switch(alias, version, is_rollback, now, by)
    connection.execute(ALIAS_SWITCHES.insert().values(**vars(made), before=before))
    return made


def _record(row: Mapping[Any, Any]) -> Switch:
    return Switch(**{name: value for name, value in row.items() if name not in ("seq", "before")})
