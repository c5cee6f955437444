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

    return db.write(lambda connection: record_in(connection, remark))


def record_in(connection: Connection, remark: Remark) -> tuple[Remark, bool]:
    """`record`, inside a transaction."""
    known = find(connection, remark.idempotency_key)
    if known is not None:
        return known, True
    later = select(REMARKS.c.id).where(REMARKS.c.supersedes == remark.supersedes)
    if remark.supersedes is not None and connection.scalar(later) is not None:
        raise DataError(f"The remark {remark.supersedes} was withdrawn already.")
    connection.execute(REMARKS.insert().values(asdict(remark)))
    return remark, False


def by_key(db: Database, idempotency_key: str) -> Remark | None:
    """The remark that came with that key."""
    with db.read() as connection:
        return find(connection, idempotency_key)


def find(connection: Connection, idempotency_key: str) -> Remark | None:
    """`by_key`, inside a transaction."""
    query = select(REMARKS).where(REMARKS.c.idempotency_key == idempotency_key)
    row = connection.execute(query).mappings().first()
    return None if row is None else to_record(row)


def after(connection: Connection, seq: int) -> list[Remark]:
    """Those that came after a sequence number."""
    query = select(REMARKS).where(REMARKS.c.seq > seq).order_by(REMARKS.c.seq)
    return [to_record(row) for row in connection.execute(query).mappings()]


def all(db: Database) -> list[Remark]:
    """Every remark ever made, in the order they came."""
    with db.read() as connection:
        rows = connection.execute(select(REMARKS).order_by(REMARKS.c.seq)).mappings()
        return [to_record(row) for row in rows]


def live(remarks: Iterable[Remark]) -> list[Remark]:
    """Those that were not withdrawn, without the withdrawals themselves."""
    found = list(remarks)
    withdrawn = {remark.supersedes for remark in found if remark.supersedes is not None}
    return [one for one in found if one.what != "withdrawal" and one.id not in withdrawn]


def to_record(row: Mapping[Any, Any]) -> Remark:
    """The remark in a row."""
    return Remark(**fields(row))
