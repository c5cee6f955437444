"""Feedback as append-only events: the same idempotency key has its effect once, for ever."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, get_args

from sqlalchemy import Connection, Select, exists, func, select

from rather.errors import DataError
from rather.records import Judgment, Kind
from rather.store.database import Database
from rather.store.rows import add_new, fields
from rather.store.schema import JUDGMENTS


def record(db: Database, judgment: Judgment) -> tuple[Judgment, bool]:
    """Store one judgment durably; return the stored one and whether its key was known already.

    Raises DataError where it names an unknown prompt, labeller or event, or an event that another
    one has superseded.
    """

    def act(connection: Connection) -> tuple[Judgment, bool]:
        known = select(JUDGMENTS).where(JUDGMENTS.c.idempotency_key == judgment.idempotency_key)
        row = connection.execute(known).mappings().first()
        if row is not None:
            return _record(row), True
        _refuse_second_edit(connection, judgment)
        connection.execute(JUDGMENTS.insert().values(asdict(judgment)))
        return judgment, False

    return db.write(act)


def record_many(db: Database, judgments: Iterable[Judgment]) -> int:
    """Store the judgments with new idempotency keys, all or none; return how many those were."""
    rows = [asdict(judgment) for judgment in judgments]
    return db.write(lambda connection: add_new(connection, JUDGMENTS, rows, "idempotency_key"))


def live(db: Database, kind: Kind | None = None, labeller_id: str | None = None) -> list[Judgment]:
    """The judgments that count now (neither superseded nor retracted), in the order they came."""
    query = _live(select(JUDGMENTS)).order_by(JUDGMENTS.c.seq)
    if kind is not None:
        query = query.where(JUDGMENTS.c.kind == kind)
    if labeller_id is not None:
        query = query.where(JUDGMENTS.c.labeller_id == labeller_id)
    return _records(db, query)


def all(db: Database) -> list[Judgment]:
    """Every event ever recorded, in the order they came."""
    return _records(db, select(JUDGMENTS).order_by(JUDGMENTS.c.seq))


def count(db: Database) -> dict[str, dict[str, int]]:
    """How many live judgments of each kind there are: {kind: {"people": n, "simulated": m}}."""
    counted = {kind: {"people": 0, "simulated": 0} for kind in get_args(Kind)}
    columns = (JUDGMENTS.c.kind, JUDGMENTS.c.is_simulated)
    query = _live(select(*columns, func.count())).group_by(*columns)
    with db.read() as connection:
        for kind, is_simulated, number in connection.execute(query):
            counted[kind]["simulated" if is_simulated else "people"] = number
    return counted


def _live(query: Select[Any]) -> Select[Any]:
    later = JUDGMENTS.alias("later")
    is_superseded = exists().where(later.c.supersedes == JUDGMENTS.c.id)
    return query.where(~JUDGMENTS.c.is_retraction, ~is_superseded)


def _refuse_second_edit(connection: Connection, judgment: Judgment) -> None:
    if judgment.supersedes is None:
        return
    query = select(JUDGMENTS.c.id).where(JUDGMENTS.c.supersedes == judgment.supersedes)
    if (later := connection.scalar(query)) is not None:
        raise DataError(
            f"The judgment {judgment.supersedes} was already superseded by {later}; "
            "change that one instead."
        )


def _records(db: Database, query: Select[Any]) -> list[Judgment]:
    with db.read() as connection:
        return [_record(row) for row in connection.execute(query).mappings()]


def _record(row: Mapping[Any, Any]) -> Judgment:
    return Judgment(**fields(row))
