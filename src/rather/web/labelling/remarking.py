"""What a labeller says beside answers: skips, flags, taking them back, and drafts."""

from dataclasses import replace

from fastapi import APIRouter
from sqlalchemy import Connection

from rather.feedback.events import new_id
from rather.records import Assignment, Remark
from rather.store import assignments, drafts, remarks
from rather.web.auth import CurrentLabeller
from rather.web.context import CurrentContext
from rather.web.contract.labelling import Draft, DraftRequest, RemarkRequest, WithdrawalRequest
from rather.web.contract.shape import Done
from rather.web.labelling.answering import own_key
from rather.web.labelling.asking import Shown, require_shown
from rather.web.labelling.claims import hold
from rather.web.labelling.shown import draft_key
from rather.web.replies import Refusal

router = APIRouter(prefix="/api")


@router.post("/remarks")
def remark(body: RemarkRequest, context: CurrentContext, labeller: CurrentLabeller) -> Done:
    """Skip an item, which gives it to others, or flag it."""
    shown = require_shown(context, labeller, body.item_id)
    said = Remark(
        id=new_id(),
        what=body.what,
        item=shown.item,
        labeller_id=labeller.id,
        reason=body.reason,
        comment=body.comment,
        created_at=context.worklist.moment(),
        idempotency_key=own_key(labeller, body.idempotency_key),
    )

    def act(connection: Connection) -> tuple[Remark, bool]:
        stored, replayed = remarks.record_in(connection, said)
        if not replayed:
            assignments.renew(connection, labeller.id, shown.item, shown.purpose, said.created_at)
        return stored, replayed

    stored, replayed = context.db.write(act)
    if _meaning(stored) != _meaning(said):
        raise Refusal(409, "This key belongs to another remark.", code="key_reused")
    let_go = [] if replayed else [replace(shown, expires_at=said.created_at)]
    context.worklist.note([*let_go, stored])
    return Done(replayed=replayed)


@router.post("/remarks/withdraw")
def withdraw(body: WithdrawalRequest, context: CurrentContext, labeller: CurrentLabeller) -> Done:
    """Take a skip or flag back."""
    context.worklist.look()
    found = remarks.by_key(context.db, own_key(labeller, body.remark_key))
    if found is None or found.what not in ("skip", "flag"):
        raise Refusal(404, "There is no such remark of yours.", code="unknown_remark")
    said = Remark(
        id=new_id(),
        what="withdrawal",
        item=found.item,
        labeller_id=labeller.id,
        reason="",
        comment="",
        created_at=context.worklist.moment(),
        idempotency_key=own_key(labeller, f"withdraw:{body.idempotency_key}"),
        supersedes=found.id,
    )
    stored, replayed = remarks.record(context.db, said)
    if _meaning(stored) != _meaning(said):
        raise Refusal(409, "This key belongs to another remark.", code="key_reused")
    context.worklist.note([stored])
    return Done(replayed=replayed)


@router.put("/drafts/{item_id}")
def draft(
    item_id: Shown, body: DraftRequest, context: CurrentContext, labeller: CurrentLabeller
) -> Done:
    """Keep what somebody has begun to write, and the item for them; an empty one is removed."""
    shown = require_shown(context, labeller, item_id)

    def act(connection: Connection) -> list[Assignment]:
        name, now = draft_key(shown), context.worklist.moment()
        if body.draft == Draft():
            drafts.remove(connection, labeller.id, name)
        else:
            drafts.put(connection, labeller.id, name, body.draft.model_dump(), now)
        return hold(context.worklist, connection, shown)

    context.worklist.note(context.db.write(act))
    return Done()


def _meaning(one: Remark) -> tuple[str, str, str, str, str | None]:
    return one.what, one.item, one.reason, one.comment, one.supersedes
