"""Skips, flags and what admins did about them: append-only events beside the judgments."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from rather.errors import DataError
from rather.records import Remark
from rather.store.database import Database
from rather.store.rows import fields
from rather.store.schema import REMARKS


def record(db: Database, remark: Remark) -> tuple[Remark, bool]:
    """Store one remark durably; return the stored one and whether its key was known already.

    Raises DataError where it withdraws a remark that was withdrawn already.
    """

    def act(connection: Connection) -> tuple[Remark, bool]:
        known = select(REMARKS).where(REMARKS.c.idempotency_key == remark.idempotency_key)
        row = connection.execute(known).mappings().first()
        if row is not None:
            return _record(row), True
        later = select(REMARKS.c.id).where(REMARKS.c.supersedes == remark.supersedes)
        if remark.supersedes is not None and connection.scalar(later) is not None:
            raise DataError(f"The remark {remark.supersedes} was withdrawn already.")
        connection.execute(REMARKS.insert().values(asdict(remark)))
        return remark, False

    return db.write(act)


def by_key(db: Database, idempotency_key: str) -> Remark | None:
    """The remark that came with that key."""
    query = select(REMARKS).where(REMARKS.c.idempotency_key == idempotency_key)
    with db.read() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else _record(row)


def all(db: Database) -> list[Remark]:
    """Every remark ever made, in the order they came."""
    with db.read() as connection:
        rows = connection.execute(select(REMARKS).order_by(REMARKS.c.seq)).mappings()
        return [_record(row) for row in rows]


def live(remarks: Iterable[Remark]) -> list[Remark]:
    """Those that were not withdrawn, without the withdrawals themselves."""
    found = list(remarks)
    withdrawn = {remark.supersedes for remark in found if remark.supersedes is not None}
    return [one for one in found if one.what != "withdrawal" and one.id not in withdrawn]


def _record(row: Mapping[Any, Any]) -> Remark:
    return Remark(**fields(row))
