"""The rounds of the loop: begun, noted stage by stage, and ended in one transaction."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from rather.records import Round
from rather.store import meta
from rather.store.database import Database
from rather.store.schema import JUDGMENTS, ROUNDS

_BY_HAND = "policy promoted by hand after round "
"""Before a round's number, the name in `meta` of the policy that took the place of its own."""


def all(db: Database) -> list[Round]:
    """Every round, the first one first."""
    with db.read() as connection:
        return _all(connection)


def running(db: Database) -> Round | None:
    """The round that is not finished; None between two."""
    return next((one for one in all(db) if one.status == "running"), None)


def policy_in_force(db: Database) -> str | None:
    """What the last finished round left, or what was put in its place by hand; None before there
    was one."""
    with db.read() as connection:
        finished = [one for one in _all(connection) if one.status != "running"]
        by_hand = meta.beginning(connection, _BY_HAND)
    if not finished:
        return None
    return by_hand.get(str(finished[-1].number), finished[-1].policy)


def promote(db: Database, policy: str) -> Round | None:
    """Put a policy in force by hand, from which the next round begins; the newest round.

    Where that one is running nothing is changed: it has begun from another and decides at its end.
    None where there are no rounds.
    """

    def act(connection: Connection) -> Round | None:
        made = _all(connection)
        if made and made[-1].status != "running":
            meta.put_in(connection, f"{_BY_HAND}{made[-1].number}", policy)
        return made[-1] if made else None

    return db.write(act)


def begin(db: Database, start: str) -> Round:
    """The round that is running, or the next one, which begins from that policy.

    Its judgments are those that no earlier round learnt from.
    """

    def act(connection: Connection) -> Round:
        made = _all(connection)
        if made and made[-1].status == "running":
            return made[-1]
        before = (made[-1].judgments_until or made[-1].judgments_before) if made else 0
        new = Round(len(made) + 1, start, before, _now())
        connection.execute(ROUNDS.insert().values(asdict(new)))
        return new

    return db.write(act)


def note(db: Database, number: int, stage: str, result: Mapping[str, Any]) -> None:
    """Write down that a stage of the round is done, and what came of it."""

    def act(connection: Connection) -> None:
        done = {**_get(connection, number).done, stage: dict(result)}
        _update(connection, number, done=done)

    db.write(act)


def close_labels(db: Database, number: int, result: Mapping[str, Any]) -> int:
    """Let the round learn from all that was judged until now; the number of the last judgment."""

    def act(connection: Connection) -> int:
        until = connection.scalar(select(func.max(JUDGMENTS.c.seq))) or 0
        done = {**_get(connection, number).done, "label": dict(result)}
        _update(connection, number, done=done, judgments_until=until)
        return until

    return db.write(act)


def reopen(db: Database, number: int, stages: Collection[str]) -> None:
    """Let the round wait for judgments again: these stages of it are not done."""

    def act(connection: Connection) -> None:
        done = {k: v for k, v in _get(connection, number).done.items() if k not in stages}
        _update(connection, number, done=done, judgments_until=None)

    db.write(act)


def finish(
    db: Database,
    number: int,
    status: Literal["promoted", "rolled_back", "unchanged"],
    policy: str,
    why: str,
) -> None:
    """End a round: from this transaction on its policy is the one in force."""
    values = {"status": status, "policy": policy, "why": why, "finished_at": _now()}
    db.write(lambda connection: _update(connection, number, **values))


def _all(connection: Connection) -> list[Round]:
    rows = connection.execute(select(ROUNDS).order_by(ROUNDS.c.number)).mappings()
    return [Round(**row) for row in rows]


def _get(connection: Connection, number: int) -> Round:
    row = connection.execute(select(ROUNDS).where(ROUNDS.c.number == number)).mappings().one()
    return Round(**row)


def _update(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(ROUNDS.update().where(ROUNDS.c.number == number).values(values))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
