"""The models a workspace made, and what each grew from."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from rather.records import ModelVersion, StageName
from rather.store.database import Database
from rather.store.rows import fields
from rather.store.schema import VERSIONS


def register(db: Database, version: ModelVersion) -> None:
    """Store a new version; DataError where its name is taken."""
    values = asdict(version)
    db.write(lambda connection: connection.execute(VERSIONS.insert().values(values)) and None)


def get(db: Database, name: str) -> ModelVersion | None:
    """The version of that name, None where there is none."""
    with db.read() as connection:
        row = connection.execute(select(VERSIONS).where(VERSIONS.c.name == name)).mappings().first()
    return None if row is None else _record(row)


def all(db: Database, stage: StageName | None = None) -> list[ModelVersion]:
    """Every version (of one stage), oldest first."""
    query = select(VERSIONS).order_by(VERSIONS.c.seq)
    if stage is not None:
        query = query.where(VERSIONS.c.stage == stage)
    with db.read() as connection:
        return [_record(row) for row in connection.execute(query).mappings()]


def newest(db: Database, stage: StageName) -> ModelVersion | None:
    """The version of that stage registered last, None where there is none."""
    made = all(db, stage)
    return made[-1] if made else None


def next_name(db: Database, stage: StageName) -> str:
    """The first free name of the form `<stage>-<n>` after all taken ones."""
    names = (version.name for version in all(db, stage))
    taken = [int(found[1]) for name in names if (found := re.fullmatch(rf"{stage}-(\d+)", name))]
    return f"{stage}-{max(taken, default=0) + 1}"


def _record(row: Mapping[Any, Any]) -> ModelVersion:
    values = fields(row)
    values["parents"] = tuple(values["parents"])
    return ModelVersion(**values)
