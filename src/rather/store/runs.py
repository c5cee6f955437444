"""Executions of stages and the numbers they recorded."""

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from rather.errors import DataError
from rather.records import Alarm, Run
from rather.store.database import Database
from rather.store.rows import fields
from rather.store.schema import ALARMS, METRICS, RUNS


def start(db: Database, run: Run) -> None:
    """Store a run as it starts; a known id is the same run going on."""

    def act(connection: Connection) -> None:
        again = {"status": run.status, "finished_at": None, "message": run.message}
        updated = connection.execute(RUNS.update().where(RUNS.c.id == run.id).values(again))
        if updated.rowcount == 0:
            connection.execute(RUNS.insert().values(asdict(run)))

    db.write(act)


def finish(
    db: Database, run_id: str, status: Literal["done", "stopped", "failed"], message: str = ""
) -> None:
    """Write down how a run ended, and when; DataError where the run is unknown."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    values = {"status": status, "finished_at": now, "message": message}

    def act(connection: Connection) -> None:
        updated = connection.execute(RUNS.update().where(RUNS.c.id == run_id).values(values))
        if updated.rowcount == 0:
            raise DataError(f"There is no run {run_id} to finish; start it first.")

    db.write(act)


def get(db: Database, id: str) -> Run | None:
    """The run of that id, None where there is none."""
    with db.read() as connection:
        row = connection.execute(select(RUNS).where(RUNS.c.id == id)).mappings().first()
    return None if row is None else Run(**fields(row))


def all(db: Database) -> list[Run]:
    """Every run, oldest first."""
    with db.read() as connection:
        rows = connection.execute(select(RUNS).order_by(RUNS.c.seq)).mappings()
        return [Run(**fields(row)) for row in rows]


def record(db: Database, run_id: str, step: int, metrics: dict[str, float]) -> None:
    """Store a step's metrics; a step done again (after a resume) replaces its numbers."""
    rows = [
        {
            "run_id": run_id,
            "step": step,
            "name": name,
            "value": None if math.isnan(value) else value,
        }
        for name, value in metrics.items()
    ]

    def act(connection: Connection) -> None:
        is_same = (METRICS.c.run_id == run_id) & (METRICS.c.step == step)
        connection.execute(METRICS.delete().where(is_same & METRICS.c.name.in_(list(metrics))))
        if rows:
            connection.execute(METRICS.insert(), rows)

    db.write(act)


def metrics(db: Database, run_id: str, *, after: int | None = None) -> list[tuple[int, str, float]]:
    """All numbers of a run (`after` a step) as (step, name, value), by step and name."""
    query = (
        select(METRICS.c.step, METRICS.c.name, METRICS.c.value)
        .where(METRICS.c.run_id == run_id)
        .order_by(METRICS.c.step, METRICS.c.name)
    )
    if after is not None:
        query = query.where(METRICS.c.step > after)
    with db.read() as connection:
        rows = connection.execute(query).all()
    return [(step, name, math.nan if value is None else value) for step, name, value in rows]


def newest(db: Database, run_id: str) -> dict[str, tuple[int, float]]:
    """The last (step, value) of each of a run's metrics."""
    last = (
        select(METRICS.c.name, func.max(METRICS.c.step).label("step"))
        .where(METRICS.c.run_id == run_id)
        .group_by(METRICS.c.name)
        .subquery()
    )
    is_last = (METRICS.c.name == last.c.name) & (METRICS.c.step == last.c.step)
    query = (
        select(METRICS.c.name, METRICS.c.step, METRICS.c.value)
        .join(last, is_last)
        .where(METRICS.c.run_id == run_id)
    )
    with db.read() as connection:
        rows = connection.execute(query).all()
    return {name: (step, math.nan if value is None else value) for name, step, value in rows}


def lengths(db: Database, run_id: str | None = None) -> dict[str, tuple[int, int]]:
    """Of every run (or one) with numbers: how many steps have any, and the last of them."""
    steps = func.count(METRICS.c.step.distinct())
    query = select(METRICS.c.run_id, steps, func.max(METRICS.c.step)).group_by(METRICS.c.run_id)
    if run_id is not None:
        query = query.where(METRICS.c.run_id == run_id)
    with db.read() as connection:
        return {id: (number, last) for id, number, last in connection.execute(query)}


def sound(db: Database, run_id: str, step: int, alarm: Alarm) -> None:
    """Store what a stop rule said about a step; said again (after a resume), it stands once."""
    values = {"run_id": run_id, "step": step, **asdict(alarm)}
    is_same = (ALARMS.c.run_id == run_id) & (ALARMS.c.step == step) & (ALARMS.c.rule == alarm.rule)

    def act(connection: Connection) -> None:
        connection.execute(ALARMS.delete().where(is_same))
        connection.execute(ALARMS.insert(), values)

    db.write(act)


def alarms(db: Database, run_id: str) -> list[tuple[int, Alarm]]:
    """Everything the stop rules said of a run, as (step, alarm), in order."""
    query = select(ALARMS).where(ALARMS.c.run_id == run_id).order_by(ALARMS.c.step, ALARMS.c.rule)
    with db.read() as connection:
        rows = connection.execute(query).mappings().all()
    return [(row["step"], Alarm(row["rule"], row["severity"], row["sentence"])) for row in rows]
