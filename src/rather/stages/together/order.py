"""What the first rank tells the others before a training stage: only it has seen the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from rather.config.stages import Config
from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.models.library import Library
from rather.records import ModelVersion, StageName
from rather.stages.runs import Plan
from rather.training.cast import Task
from rather.training.ranks import Ranks

Mix = Sequence[tuple[float, str]]
"""A reward's terms, each with its weight."""


class Example(NamedTuple):
    """A row as it travels, with what was said about it."""

    prompt_ids: tuple[int, ...]
    completions: tuple[tuple[int, ...], ...]
    opinions: tuple[Opinion, ...] = ()

    @property
    def row(self) -> Row:
        """The row itself."""
        return Row(self.prompt_ids, self.completions)

    @property
    def judged(self) -> Judged:
        """The row with every opinion on it."""
        return Judged(self.row, self.opinions)


@dataclass(frozen=True)
class Lesson:
    """What a stage learns from."""

    examples: tuple[Example, ...] = ()
    """Of sft, reward and dpo."""
    tasks: tuple[Task, ...] = ()
    """Of ppo: its prompts."""
    asked: tuple[Task, ...] = ()
    """Of ppo: those the held-out reward is measured on."""
    mix: Mix = ()
    heldout_mix: Mix = ()


@dataclass(frozen=True)
class Order:
    """All a rank needs to train along: nothing but weights does it read itself."""

    config: dict[str, Any]
    stage: StageName
    run_id: str
    start: str
    seed: int
    base: str
    """What the library calls base."""
    versions: tuple[ModelVersion, ...]
    lesson: Lesson


ORDER = TypeAdapter(Order | None)


def call(ranks: Ranks, config: Config, library: Library, plan: Plan, lesson: Lesson) -> None:
    """Tell the ranks that wait to train along; alone, there is nobody to tell."""
    versions = tuple(library.versions.values())
    order = Order(
        config.model_dump(mode="json", exclude={"database"}),
        plan.stage,
        plan.run_id,
        plan.start,
        plan.seed,
        library.base,
        versions,
        lesson,
    )
    _send(ranks, order)


def dismiss(ranks: Ranks) -> None:
    """Let the ranks go that still wait: there is nothing to train."""
    if ranks.is_awaited:
        _send(ranks, None)


def receive(ranks: Ranks) -> Order | None:
    """What the first rank wants done; None for nothing."""
    return ORDER.validate_python(ranks.first(lambda: None))


def lesson_of_rows(rows: Sequence[Row]) -> Lesson:
    """Rows to learn the likelihood of."""
    return Lesson(tuple(Example(row.prompt_ids, row.completions) for row in rows))


def lesson_of_judged(judged: Sequence[Judged]) -> Lesson:
    """Rows to learn a preference from."""
    return Lesson(
        tuple(Example(one.row.prompt_ids, one.row.completions, one.opinions) for one in judged)
    )


def _send(ranks: Ranks, order: Order | None) -> None:
    ranks.is_awaited = False
    if ranks.size > 1:
        ranks.first(lambda: ORDER.dump_python(order, mode="json"))
