"""Feedback as append-only events: the same idempotency key has its effect once, for ever."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, get_args

from sqlalchemy import Connection, Select, bindparam, exists, func, select

from rather.errors import DataError
from rather.feedback.events import new_id
from rather.feedback.items import item_of
from rather.records import CHECK_SOURCES, Judgment, Kind, Source
from rather.store import prompts
from rather.store.database import Database
from rather.store.rows import add_new, fields
from rather.store.schema import JUDGMENTS


def record(db: Database, judgment: Judgment) -> tuple[Judgment, bool]:
    """Store one judgment durably; return the stored one and whether its key was known already.

    Raises DataError where it names an unknown prompt, labeller or event, or an event that another
    one has superseded.
    """

    return db.write(lambda connection: record_in(connection, judgment))


def record_in(connection: Connection, judgment: Judgment) -> tuple[Judgment, bool]:
    """`record`, inside a transaction."""
    known = by_key(connection, judgment.idempotency_key)
    if known is not None:
        return known, True
    return add(connection, judgment), False


def add(connection: Connection, judgment: Judgment) -> Judgment:
    """Store one whose key is known to be new, inside a transaction."""
    _refuse_second_edit(connection, judgment)
    connection.execute(JUDGMENTS.insert(), asdict(judgment))
    return judgment


def record_many(db: Database, judgments: Iterable[Judgment]) -> int:
    """Store the judgments with new idempotency keys, all or none; return how many those were."""
    rows = [asdict(judgment) for judgment in judgments]
    return db.write(lambda connection: add_new(connection, JUDGMENTS, rows, "idempotency_key"))


def settle(db: Database, resolution: Judgment) -> tuple[Judgment, bool]:
    """Store an admin's resolution in place of the one before about its item; as `record`.

    Found and replaced in one transaction, so that an item is never settled twice at once.
    """

    def act(connection: Connection) -> tuple[Judgment, bool]:
        known = by_key(connection, resolution.idempotency_key)
        if known is not None:
            return known, True
        query = _live(select(JUDGMENTS)).where(
            JUDGMENTS.c.prompt_id == resolution.prompt_id, JUDGMENTS.c.source == "resolution"
        )
        rows = connection.execute(query.order_by(JUDGMENTS.c.seq)).mappings()
        item = item_of(resolution)
        former = [one.id for one in map(to_record, rows) if item_of(one) == item]
        supersedes = former[-1] if former else None
        return record_in(connection, replace(resolution, supersedes=supersedes))

    return db.write(act)


def retract(
    db: Database, *, labeller_id: str | None = None, prompt_id: str | None = None
) -> list[Judgment]:
    """Let nothing count any more that one labeller said, or that was said about one prompt.

    A prompt of which everything is taken back is not asked any more either. Found and taken back
    in one transaction; returns what counted until now.
    """

    def act(connection: Connection) -> list[Judgment]:
        query = _live(select(JUDGMENTS)).order_by(JUDGMENTS.c.seq)
        if labeller_id is not None:
            query = query.where(JUDGMENTS.c.labeller_id == labeller_id)
        if prompt_id is not None:
            query = query.where(JUDGMENTS.c.prompt_id == prompt_id)
        found = [to_record(row) for row in connection.execute(query).mappings()]
        if found:
            connection.execute(JUDGMENTS.insert(), [asdict(retraction_of(one)) for one in found])
        if prompt_id is not None and labeller_id is None:
            prompts.withdraw_in(connection, prompt_id)
        return found

    return db.write(act)


def retraction_of(judgment: Judgment) -> Judgment:
    """The event that says a judgment was withdrawn."""
    return replace(
        judgment,
        id=new_id(),
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        idempotency_key=f"withdrawn:{judgment.id}",
        supersedes=judgment.id,
        is_retraction=True,
        ms_to_decision=None,
        comment="",
        # what a user says rests on their consent, and is taken back with it
        has_consent=judgment.has_consent and judgment.source != "use",
    )


def live(db: Database, kind: Kind | None = None, labeller_id: str | None = None) -> list[Judgment]:
    """The judgments that count now (neither superseded nor retracted), in the order they came."""
    query = _live(select(JUDGMENTS)).order_by(JUDGMENTS.c.seq)
    if kind is not None:
        query = query.where(JUDGMENTS.c.kind == kind)
    if labeller_id is not None:
        query = query.where(JUDGMENTS.c.labeller_id == labeller_id)
    return _records(db, query)


def live_until(db: Database, seq: int) -> list[Judgment]:
    """What counted when the judgment of that number had come, less all that was taken back since.

    An edit that came later does not count; who took it back took back what it had edited, too.
    """
    with db.read() as connection:
        rows = connection.execute(select(JUDGMENTS).order_by(JUDGMENTS.c.seq)).mappings().all()
    later = {row["supersedes"]: row for row in rows if row["supersedes"] is not None}

    def counts(row: Mapping[Any, Any]) -> bool:
        follower = later.get(row["id"])
        while follower is not None:
            if follower["seq"] <= seq or follower["is_retraction"]:
                return False
            follower = later.get(follower["id"])
        return row["seq"] <= seq and not row["is_retraction"]

    return [to_record(row) for row in rows if counts(row)]


def all(db: Database, labeller_id: str | None = None) -> list[Judgment]:
    """Every event ever recorded (of one labeller), in the order they came."""
    query = select(JUDGMENTS).order_by(JUDGMENTS.c.seq)
    if labeller_id is not None:
        query = query.where(JUDGMENTS.c.labeller_id == labeller_id)
    return _records(db, query)


def after(connection: Connection, seq: int) -> list[Judgment]:
    """The events recorded after a sequence number."""
    return [to_record(row) for row in connection.execute(_AFTER, {"after": seq}).mappings()]


def by_key(connection: Connection, idempotency_key: str) -> Judgment | None:
    """The event that came with that key."""
    row = connection.execute(_BY_KEY, {"key": idempotency_key}).mappings().first()
    return None if row is None else to_record(row)


def successor(connection: Connection, id: str) -> str | None:
    """The event that superseded this one; None while it counts."""
    return connection.scalar(select(JUDGMENTS.c.id).where(JUDGMENTS.c.supersedes == id))


def in_force(connection: Connection, id: str) -> Judgment | None:
    """The judgment of that id while it counts; None once it was superseded."""
    row = (
        connection.execute(_live(select(JUDGMENTS)).where(JUDGMENTS.c.id == id)).mappings().first()
    )
    return None if row is None else to_record(row)


def live_about(connection: Connection, prompt_id: str, labeller_id: str) -> list[Judgment]:
    """What counts of what one labeller said about one prompt."""
    about = {"prompt": prompt_id, "labeller": labeller_id}
    return [to_record(row) for row in connection.execute(_LIVE_ABOUT, about).mappings()]


def newest(
    connection: Connection,
    labeller_id: str,
    sources: Collection[Source],
    limit: int,
    before: str | None = None,
) -> list[Judgment]:
    """A labeller's live judgments from these sources, the newest first; those before one, by id."""
    query = _live(select(JUDGMENTS)).where(
        JUDGMENTS.c.labeller_id == labeller_id, JUDGMENTS.c.source.in_(sorted(sources))
    )
    if before is not None:
        seq = select(JUDGMENTS.c.seq).where(JUDGMENTS.c.id == before).scalar_subquery()
        query = query.where(JUDGMENTS.c.seq < seq)
    query = query.order_by(JUDGMENTS.c.seq.desc()).limit(limit)
    return [to_record(row) for row in connection.execute(query).mappings()]


def count(db: Database) -> dict[str, dict[str, int]]:
    """How many live judgments of each kind there are: {kind: {"people": n, "simulated": m}}.

    What checks the labellers is not among them.
    """
    counted = {kind: {"people": 0, "simulated": 0} for kind in get_args(Kind)}
    columns = (JUDGMENTS.c.kind, JUDGMENTS.c.is_simulated)
    query = _live(select(*columns, func.count())).group_by(*columns)
    query = query.where(JUDGMENTS.c.source.not_in(sorted(CHECK_SOURCES)))
    with db.read() as connection:
        for kind, is_simulated, number in connection.execute(query):
            counted[kind]["simulated" if is_simulated else "people"] = number
    return counted


def count_after(db: Database, seq: int) -> int:
    """How many live judgments came after that sequence number, but for what checks labellers."""
    query = _live(select(func.count()).select_from(JUDGMENTS)).where(
        JUDGMENTS.c.seq > seq, JUDGMENTS.c.source.not_in(sorted(CHECK_SOURCES))
    )
    with db.read() as connection:
        return connection.scalar(query) or 0


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
        return [to_record(row) for row in connection.execute(query).mappings()]


def to_record(row: Mapping[Any, Any]) -> Judgment:
    """The judgment in a row."""
    return Judgment(**fields(row))


# Made once: putting a query together costs as much as running it, and these run at every click.
_BY_KEY = select(JUDGMENTS).where(JUDGMENTS.c.idempotency_key == bindparam("key"))
_AFTER = select(JUDGMENTS).where(JUDGMENTS.c.seq > bindparam("after")).order_by(JUDGMENTS.c.seq)
_LIVE_ABOUT = (
    _live(select(JUDGMENTS))
    .where(
        JUDGMENTS.c.prompt_id == bindparam("prompt"),
        JUDGMENTS.c.labeller_id == bindparam("labeller"),
    )
    .order_by(JUDGMENTS.c.seq)
)
