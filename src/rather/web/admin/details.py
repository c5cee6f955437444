"""One item as an admin sees it: where its answers come from, and everything said about it."""

from collections.abc import Iterable
from typing import Any, get_args

from fastapi import APIRouter

from rather.data.consent import without_consent
from rather.feedback.kinds import answer_of
from rather.records import Completion, Judgment, Labeller, Purpose, Remark, Source
from rather.store import assignments, completions, labellers, prompts, remarks
from rather.web.admin import states
from rather.web.admin.ledger import CurrentLedger, Entry, Ledger
from rather.web.context import Context, CurrentContext
from rather.web.contract.labelling import Said
from rather.web.contract.overview import AdminAnswer, AdminJudgment, AdminRemark, ItemReply
from rather.web.contract.shape import ItemId, Turn
from rather.web.markup import to_html, visible
from rather.web.replies import Refusal

SAID: dict[str, type[Any]] = {
    get_args(shape.model_fields["kind"].annotation)[0]: shape
    for shape in get_args(get_args(Said)[0])
}
"""What is said of each kind of item, as the contract has it."""
SHOWN_FOR: dict[Source, Purpose] = {"label": "work", "gold_check": "gold", "repeat": "repeat"}
"""Of judgments that were given in the labelling page."""

router = APIRouter()


@router.get("/items/{item_id}")
def item(item_id: ItemId, context: CurrentContext, ledger: CurrentLedger) -> ItemReply:
    """One item: where its answers come from, and every event about it."""
    with ledger.reading():
        entry = entry_of(ledger, item_id)
        found, order = entry.item, entry.order
        prompt = prompts.get(context.db, found.prompt_id)
        if prompt is None:
            raise Refusal(404, "The prompt of this item is not here.", code="unknown_item")
        texts = completions.get_many(context.db, order)
        people = {one.id: one for one in labellers.all(context.db)}
        refused = without_consent(entry.events)
        return ItemReply(
            item_id=entry.id,
            kind=found.kind,
            purpose="gold" if states.is_gold(ledger, entry) else "work",
            split=prompt.split,
            tags=[visible(tag) for tag in prompt.tags],
            prompt=[
                Turn(role=visible(one.role), html=to_html(one.content), text=visible(one.content))
                for one in prompt.messages
            ],
            answers=[_answer(texts[id], ledger) for id in order if id in texts],
            judgments=[
                _judgment(context, ledger, entry, one, people, one.id not in refused)
                for one in entry.events
                if not one.is_retraction  # what it takes back is there, and not live
            ],
            remarks=[_remark(one, entry, people) for one in entry.remarks],
            state=states.states(ledger, entry),
        )


def entry_of(ledger: Ledger, item_id: str) -> Entry:
    """The item a browser names; a Refusal where there is none."""
    entry = ledger.by_id.get(item_id)
    if entry is None:
        raise Refusal(404, "There is no such item here.", code="unknown_item")
    return entry


def _answer(one: Completion, ledger: Ledger) -> AdminAnswer:
    return AdminAnswer(
        completion_id=one.id,
        model=visible(one.model),
        sampling={visible(name): visible(str(value)) for name, value in one.sampling.items()},
        num_tokens=one.num_tokens,
        leaks=ledger.leaks.get(one.id, []),
        html=to_html(one.text),
        text=visible(one.text),
    )


def _judgment(
    context: Context,
    ledger: Ledger,
    entry: Entry,
    one: Judgment,
    people: dict[str, Labeller],
    has_consent: bool,
) -> AdminJudgment:
    shown = _shown(context, entry, one)
    return AdminJudgment(
        judgment_id=one.id,
        labeller_id=one.labeller_id,
        labeller=_name(one.labeller_id, people),
        is_simulated=one.is_simulated,
        source=one.source,
        has_consent=has_consent,
        said=_said(one, shown),
        shown=list(shown),
        comment=visible(one.comment),
        created_at=one.created_at,
        ms_to_decision=one.ms_to_decision,
        guidelines_hash=one.guidelines_hash,
        is_live=one.id in ledger.live,
    )


def _shown(context: Context, entry: Entry, one: Judgment) -> tuple[str, ...]:
    """The order in which this person saw the answers; without one, that of what they said."""
    own = answer_of(one).completion_ids
    purpose = SHOWN_FOR.get(one.source)
    if purpose is None:
        return own
    assigned = assignments.get(context.db, one.labeller_id, entry.item.name, purpose)
    is_same = assigned is not None and sorted(assigned.completion_ids) == sorted(own)
    return assigned.completion_ids if assigned is not None and is_same else own


def _said(one: Judgment, shown: Iterable[str]) -> Said:
    said = answer_of(one).to_said(tuple(shown))
    # Not held to the limits of what may be sent: imported data may be longer.
    found: Said = SAID[one.kind].model_construct(**said)
    return found


def _remark(one: Remark, entry: Entry, people: dict[str, Labeller]) -> AdminRemark:
    return AdminRemark(
        what=one.what,
        labeller=_name(one.labeller_id, people),
        reason=visible(one.reason),
        comment=visible(one.comment),
        created_at=one.created_at,
        is_live=one in remarks.live(entry.remarks),
    )


def _name(labeller_id: str, people: dict[str, Labeller]) -> str:
    known = people.get(labeller_id)
    return visible(known.name if known else labeller_id)
