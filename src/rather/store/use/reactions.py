"""What users said about what they were served: counted always, learnt from where they agree."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from rather.feedback.use.records import Reaction
from rather.records import Completion, Judgment, Labeller, Prompt
from rather.store import judgments, prompts
from rather.store.database import Database
from rather.store.rows import add_new, chunks, fields
from rather.store.schema import COMPLETIONS, LABELLERS
from rather.store.use.tables import REACTIONS


@dataclass(frozen=True)
class Lesson:
    """What models may learn from a reaction, with everything it is about."""

    judgment: Judgment
    labeller: Labeller
    prompt: Prompt
    completions: tuple[Completion, ...]


def record(
    db: Database, reaction: Reaction, lesson: Lesson | None, *, is_keyed: bool = True
) -> tuple[Reaction, bool]:
    """Store a reaction and its lesson durably, all or nothing; as `judgments.record`.

    What the client said about the same completions before no longer counts, and is no longer
    learnt from: it is replaced, or taken back where they no longer agree to it. Where the sender
    drew no key, the same said twice in a row is said once.
    """

    def act(connection: Connection) -> tuple[Reaction, bool]:
        query = select(REACTIONS).where(REACTIONS.c.idempotency_key == reaction.idempotency_key)
        if (row := connection.execute(query).mappings().first()) is not None:
            return _to_record(row), True
        before = _newest(connection, reaction)
        if before is not None and not is_keyed and before.request == reaction.request:
            return before, True
        former = None
        if before is not None and before.judgment_id is not None:
            former = judgments.in_force(connection, before.judgment_id)
        if lesson is not None:
            prompts.add_in(connection, [lesson.prompt])
            add_new(connection, COMPLETIONS, [asdict(one) for one in lesson.completions])
            add_new(connection, LABELLERS, [asdict(lesson.labeller)])
            judgments.add(
                connection, replace(lesson.judgment, supersedes=former.id if former else None)
            )
        elif former is not None:
            judgments.add(connection, judgments.retraction_of(former))
        connection.execute(REACTIONS.insert(), {**asdict(reaction), "item": reaction.item})
        return reaction, False

    return db.write(act)


def all(db: Database) -> list[Reaction]:
    """Every reaction in the order they came."""
    with db.read() as connection:
        rows = connection.execute(select(REACTIONS).order_by(REACTIONS.c.seq)).mappings()
        return [_to_record(row) for row in rows]


def withdraw(
    db: Database, client: str | None = None, judgment_ids: Collection[str] | None = None
) -> int:
    """Delete what a client said, where it was learnt as one of these judgments."""

    def act(connection: Connection) -> int:
        mine = REACTIONS.delete()
        if client is not None:
            mine = mine.where(REACTIONS.c.client == client)
        if judgment_ids is None:
            return connection.execute(mine).rowcount
        return sum(
            connection.execute(mine.where(REACTIONS.c.judgment_id.in_(part))).rowcount
            for part in chunks(judgment_ids)
        )

    return db.write(act)


def _newest(connection: Connection, reaction: Reaction) -> Reaction | None:
    """What the client said last about the same completions."""
    mine = (REACTIONS.c.client == reaction.client) & (REACTIONS.c.item == reaction.item)
    query = select(REACTIONS).where(mine).order_by(REACTIONS.c.seq.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else _to_record(row)


def _to_record(row: Mapping[Any, Any]) -> Reaction:
    values = {name: value for name, value in fields(row).items() if name != "item"}
    for name in ("served_ids", "models", "ranks"):
        values[name] = tuple(values[name])
    return Reaction(**values)
