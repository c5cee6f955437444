"""What an admin does about an item: says what holds, has it asked again, or asks it no more."""

from datetime import UTC, datetime

from fastapi import APIRouter

from rather.feedback.answer import Answer
from rather.feedback.events import Circumstances, guidelines_hash, new_id, new_judgment
from rather.records import Assignment, Remark
from rather.store import judgments, remarks
from rather.web.admin import states
from rather.web.admin.details import entry_of
from rather.web.admin.ledger import CurrentLedger, Entry, Ledger
from rather.web.auth import CurrentAdmin
from rather.web.context import CurrentContext
from rather.web.contract.labelling import Said
from rather.web.contract.overview import ItemDecisionRequest, SettleRequest
from rather.web.contract.shape import Done, ItemId
from rather.web.labelling.answering import own_key
from rather.web.labelling.wire import answer_from
from rather.web.replies import Refusal

router = APIRouter()


@router.post("/items/{item_id}/settle")
def settle(
    item_id: ItemId,
    body: SettleRequest,
    context: CurrentContext,
    ledger: CurrentLedger,
    admin: CurrentAdmin,
) -> Done:
    """Store one answer that replaces what the judges said; a later one replaces it."""
    with ledger.reading():
        entry = entry_of(ledger, item_id)
        if states.is_gold(ledger, entry):
            raise Refusal(409, "This is a control item: its answer is known.", code="control_item")
    answer = _answer(entry, body.said, ledger)
    circumstances = Circumstances(
        source="resolution",
        idempotency_key=own_key(admin, body.idempotency_key),
        guidelines_hash=guidelines_hash(context.config.label.guidelines),
        comment=body.comment,
    )
    resolution = new_judgment(entry.item.prompt_id, admin, answer, circumstances)
    stored, replayed = judgments.settle(context.db, resolution)
    if (stored.source, stored.kind, stored.prompt_id, stored.answer) != (
        "resolution", resolution.kind, resolution.prompt_id, resolution.answer,
    ):  # fmt: skip
        raise _reused()
    return Done(replayed=replayed)


@router.post("/items/{item_id}/decide")
def decide(
    item_id: ItemId,
    body: ItemDecisionRequest,
    context: CurrentContext,
    ledger: CurrentLedger,
    admin: CurrentAdmin,
) -> Done:
    """Have an item asked again, or ask it nobody any more."""
    with ledger.reading():
        entry = entry_of(ledger, item_id)
    decision = Remark(
        id=new_id(),
        what=body.what,
        item=entry.item.name,
        labeller_id=admin.id,
        reason="",
        comment=body.comment,
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        idempotency_key=own_key(admin, body.idempotency_key),
    )
    stored, replayed = remarks.record(context.db, decision)
    if (stored.what, stored.item) != (decision.what, decision.item):
        raise _reused()
    return Done(replayed=replayed)


def _answer(entry: Entry, said: Said, ledger: Ledger) -> Answer:
    item = entry.item
    if said.kind != item.kind:
        message = f"This item is a {item.kind}, and was answered as a {said.kind}."
        raise Refusal(422, message, code="invalid")
    shown = Assignment(item.name, "", "work", item.kind, item.prompt_id, entry.order, "", "")
    return answer_from(said, shown, ledger.section)


def _reused() -> Refusal:
    return Refusal(409, "This key belongs to something else.", code="key_reused")
