"""What could still be asked, and which chosen questions nobody has answered; no torch in here."""

from collections.abc import Mapping
from typing import NamedTuple

from rather.errors import DataError, UsageError
from rather.feedback.assignment import Item, all_items
from rather.feedback.items import item_of
from rather.feedback.kinds import KINDS
from rather.records import Prompt
from rather.store import completions, judgments, prompts, questions
from rather.workspace import Workspace

KINDS_CHOSEN = ("pair", "ranking")


class Questions(NamedTuple):
    """The questions of the kind in force."""

    free: list[Item]
    """Neither chosen nor judged yet."""
    num_open: int
    """Chosen, and not judged yet."""
    num_chosen: int
    """Ever chosen."""


def look(ws: Workspace, asked: Mapping[str, Prompt]) -> Questions:
    """The questions there are about these prompts.

    UsageError where the kind cannot be chosen, DataError where there is nothing to ask.
    """
    kind = ws.config.label.kind
    if kind not in KINDS_CHOSEN:
        raise UsageError(f"rather choose picks pairs or rankings; label.kind is {kind}.")
    every = all_items(asked.values(), completions.all(ws.db), ws.config.label)
    items = [item for item in every if not item.is_awaited]  # a contest is asked in any case
    if not items:
        raise DataError(KINDS[kind].lacking)
    known = {question.item for question in questions.all(ws.db, kind)}
    said = {item_of(one) for one in judgments.live(ws.db, kind)}
    free = [item for item in items if item.name not in known and item.name not in said]
    num_open = sum(item.name in known and item.name not in said for item in items)
    return Questions(free, num_open, len(known))


def num_open(ws: Workspace) -> int | None:
    """Chosen questions that nobody has answered; None where everything is asked."""
    if not (ws.config.label.only_chosen and questions.all(ws.db, ws.config.label.kind)):
        return None
    return look(ws, {prompt.id: prompt for prompt in prompts.all(ws.db)}).num_open
