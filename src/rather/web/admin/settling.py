"""What an admin does about an item: says what holds, has it asked again, or asks it no more."""

from datetime import UTC, datetime

from fastapi import APIRouter

from rather.errors import DataError
from rather.feedback.answer import Answer
from rather.feedback.events import Circumstances, guidelines_hash, new_id, new_judgment
from rather.feedback.kinds import KINDS
from rather.records import Labeller, Remark
from rather.store import remarks, resolutions
from rather.web.admin import states
from rather.web.admin.items import entry_of
from rather.web.admin.ledger import CurrentLedger, Entry, Ledger
from rather.web.auth import CurrentAdmin
from rather.web.context import CurrentContext
from rather.web.contract.labelling import PairSaid, Said
from rather.web.contract.overview import ItemDecisionRequest, SettleRequest
from rather.web.contract.shape import Done, ItemId
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
        idempotency_key=_own_key(admin, body.idempotency_key),
        guidelines_hash=guidelines_hash(context.config.label.guidelines),
        comment=body.comment,
    )
    resolution = new_judgment(entry.item.prompt_id, admin, answer, circumstances)
    stored, replayed = resolutions.settle(context.db, resolution)
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
        idempotency_key=_own_key(admin, body.idempotency_key),
    )
    stored, replayed = remarks.record(context.db, decision)
    if (stored.what, stored.item) != (decision.what, decision.item):
        raise _reused()
    return Done(replayed=replayed)


def _answer(entry: Entry, said: Said, ledger: Ledger) -> Answer:
    if said.kind != entry.item.kind:
        message = f"This item is a {entry.item.kind}, and was answered as a {said.kind}."
        raise Refusal(422, message, code="invalid")
    if isinstance(said, PairSaid) and not set(said.dimensions) <= set(ledger.section.dimensions):
        raise Refusal(422, "This project does not ask for that dimension.", code="invalid")
    try:
        return KINDS[said.kind].from_said(said.model_dump(), entry.order)
    except DataError as error:
        raise Refusal(422, str(error), code="invalid") from error


def _own_key(admin: Labeller, key: str) -> str:
    """Keys are one person's own: nobody can replay, or block, somebody else's."""
    return f"{admin.id}:{key}"


def _reused() -> Refusal:
    return Refusal(409, "This key belongs to something else.", code="key_reused")
