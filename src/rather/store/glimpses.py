"""What a run's model answered to a few fixed prompts, step after step."""

import math
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, select

from rather.records import Glimpse
from rather.store.database import Database
from rather.store.rows import fields
from rather.store.schema import GLIMPSES


def record(db: Database, run_id: str, step: int, seen: Sequence[Glimpse]) -> None:
    """Store a step's answers; a step done again (after a resume) replaces its own.

    Replaced, not ignored: after a roll-back or a fresh start other weights reach the same step.
    """
    rows = [
        {**asdict(one), "run_id": run_id, "score": _stored(one.score), "kl": _stored(one.kl)}
        for one in seen
    ]

    def act(connection: Connection) -> None:
        is_same = (GLIMPSES.c.run_id == run_id) & (GLIMPSES.c.step == step)
        connection.execute(GLIMPSES.delete().where(is_same))
        if rows:
            connection.execute(GLIMPSES.insert(), rows)

    db.write(act)


def of_run(db: Database, run_id: str) -> list[Glimpse]:
    """Every answer of a run, by step."""
    query = (
        select(GLIMPSES)
        .where(GLIMPSES.c.run_id == run_id)
        .order_by(GLIMPSES.c.step, GLIMPSES.c.prompt_id)
    )
    with db.read() as connection:
        rows = [fields(row) for row in connection.execute(query).mappings()]
    return [
        Glimpse(**{key: value for key, value in row.items() if key != "run_id"}) for row in rows
    ]


def _stored(value: float | None) -> float | None:
    """A number as the database keeps it; what is not finite is not known."""
    return value if value is not None and math.isfinite(value) else None
