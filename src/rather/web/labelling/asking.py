"""What a labeller is shown: who they are, what comes next, and what they have judged."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Query

from rather.records import Assignment, Labeller
from rather.store import judgments
from rather.web.auth import CurrentLabeller
from rather.web.context import Context, CurrentContext
from rather.web.contract.labelling import HistoryReply, MeReply, NextReply, Task
from rather.web.contract.shape import ItemId, JudgmentId
from rather.web.labelling.claims import Wish, ask
from rather.web.labelling.ledger import OWN_SOURCES
from rather.web.labelling.pausing import is_paused
from rather.web.labelling.shown import history_entry, reply_of, task_again, tasks_of
from rather.web.replies import Refusal

MAX_NAMED = 100
MAX_TASKS = 20
NUM_ENTRIES = 50
Skipped = Annotated[tuple[ItemId, ...], Query(alias="skip", max_length=MAX_NAMED)]
Holding = Annotated[tuple[ItemId, ...], Query(max_length=MAX_NAMED)]
Count = Annotated[int, Query(ge=1, le=MAX_TASKS)]
Shown = Annotated[str, Path(pattern=r"^[0-9a-f]{1,64}$")]

router = APIRouter(prefix="/api")


@router.get("/me")
def me(context: CurrentContext, labeller: CurrentLabeller) -> MeReply:
    """Who is logged in, and where."""
    return MeReply(
        id=labeller.id,
        name=labeller.name,
        role=labeller.role,
        workspace=context.workspace_name,
        question=context.question,
    )


@router.get("/next")
async def next_tasks(
    context: CurrentContext,
    labeller: CurrentLabeller,
    count: Count = 1,
    skipped: Skipped = (),
    holding: Holding = (),
) -> NextReply:
    """The next items for this labeller; those skipped for now come last."""
    deal_out = partial(deal, context, labeller, count, skipped, holding)
    # Few at a time: a judgment must not wait behind a crowd that asks what comes next.
    return await to_thread.run_sync(deal_out, limiter=context.dealing)


def deal(
    context: Context,
    labeller: Labeller,
    count: int,
    skipped: Sequence[str],
    holding: Sequence[str],
) -> NextReply:
    """`next_tasks`, in a thread."""
    context.worklist.look()
    if is_paused(context, labeller):
        return reply_of(context, labeller.id, [], True)
    most = context.worklist.most_at_once(labeller.id)
    found = ask(context.worklist, Wish(labeller.id, count, most, holding, skipped))
    return reply_of(context, labeller.id, tasks_of(context, labeller.id, found), False)


@router.get("/items/{item_id}")
def item(item_id: Shown, context: CurrentContext, labeller: CurrentLabeller) -> Task:
    """Something this labeller was shown before, with what they said of it."""
    return task_again(context, require_shown(context, labeller, item_id))


@router.get("/history")
def history(
    context: CurrentContext, labeller: CurrentLabeller, before: JudgmentId | None = None
) -> HistoryReply:
    """The newest judgments of this labeller that count, or those before one."""
    context.worklist.look()
    with context.db.read() as connection:
        found = judgments.newest(connection, labeller.id, OWN_SOURCES, NUM_ENTRIES + 1, before)
    shown = found[:NUM_ENTRIES]
    return HistoryReply(
        entries=[history_entry(context, one) for one in shown],
        next_before=shown[-1].id if len(found) > NUM_ENTRIES else None,
    )


def require_shown(context: Context, labeller: Labeller, item_id: str) -> Assignment:
    """What this labeller was shown under that id; everything else does not exist for them."""
    context.worklist.look()
    found = context.worklist.find(labeller.id, item_id)
    if found is None:  # another server may have shown it a moment ago
        context.worklist.look(at_once=True)
        found = context.worklist.find(labeller.id, item_id)
    if found is None:
        raise Refusal(404, "This item is not here any more.", code="unknown_item")
    return found
