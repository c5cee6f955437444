"""The items an admin looks at: lists by how they stand, one item with all that was said of it."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query

from rather.feedback.kinds import answer_of
from rather.records import Completion, Judgment, Labeller, Purpose, Remark, Source
from rather.store import assignments, completions, labellers, prompts, remarks
from rather.web.admin import states
from rather.web.admin.ledger import CurrentLedger, Entry, Ledger
from rather.web.context import Context, CurrentContext
from rather.web.contract import labelling as said_shapes
from rather.web.contract.labelling import Said
from rather.web.contract.overview import (
    AdminAnswer,
    AdminJudgment,
    AdminRemark,
    ItemReply,
    ItemsReply,
    ItemState,
    ItemSummary,
)
from rather.web.contract.shape import ItemId, Turn
from rather.web.markup import to_html, visible
from rather.web.replies import Refusal

PAGE = 50
SAID: dict[str, type[Any]] = {
    "pair": said_shapes.PairSaid,
    "ranking": said_shapes.RankingSaid,
    "demonstration": said_shapes.DemonstrationSaid,
    "correction": said_shapes.CorrectionSaid,
    "thumb": said_shapes.ThumbSaid,
}
SHOWN_FOR: dict[Source, Purpose] = {"label": "work", "gold_check": "gold", "repeat": "repeat"}
"""Of judgments that were given in the labelling page."""
Search = Annotated[str, Query(max_length=200)]

router = APIRouter()


@router.get("/items")
def items(
    context: CurrentContext,
    ledger: CurrentLedger,
    state: ItemState = "all",
    labeller: Search = "",
    query: Search = "",
    before: ItemId | None = None,
) -> ItemsReply:
    """A page of the items in a state, that somebody judged, with a text in them."""
    has_text = _search(context, query)
    with ledger.reading():
        found = [
            entry
            for entry in _in_order(ledger)
            if _is_in(ledger, entry, state)
            and (not labeller or labeller in _people(ledger, entry))
            and has_text(entry)
        ]
        start = _place_after(found, before)
        page = found[start : start + PAGE]
        rest = len(found) > start + PAGE
        return ItemsReply(
            items=[_summary(ledger, entry) for entry in page],
            total=len(found),
            next_before=page[-1].id if rest else None,
        )


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
                _judgment(context, ledger, entry, one, people)
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


def _in_order(ledger: Ledger) -> list[Entry]:
    """Those that something was said about, the last begun first; then the untouched ones."""
    touched = [entry for entry in ledger.entries.values() if entry.is_touched]
    touched.sort(key=lambda entry: (entry.first_event, entry.id), reverse=True)
    return touched + [entry for entry in ledger.entries.values() if not entry.is_touched]


def _is_in(ledger: Ledger, entry: Entry, state: ItemState) -> bool:
    if state == "all":
        return True
    if state == "leak":
        return states.leaking(ledger, entry)
    return entry.is_touched and state in states.states(ledger, entry)


def _people(ledger: Ledger, entry: Entry) -> set[str]:
    """Who has something to do with it."""
    judges = {event.labeller_id for event in states.live_events(ledger, entry)}
    return judges | {remark.labeller_id for remark in entry.remarks}


def _place_after(found: list[Entry], before: str | None) -> int:
    if before is None:
        return 0
    for place, entry in enumerate(found):
        if entry.id == before:
            return place + 1
    raise Refusal(404, "This list has changed; load it again.", code="unknown_item")


def _search(context: Context, query: str) -> Callable[[Entry], bool]:
    """Whether an item has a text in its prompt or its answers, whatever the case."""
    wanted = query.strip().casefold()
    if not wanted:
        return lambda _: True
    asked = {
        prompt.id
        for prompt in prompts.all(context.db)
        if any(wanted in message.content.casefold() for message in prompt.messages)
    }
    answers = {one.id for one in completions.all(context.db) if wanted in one.text.casefold()}
    return lambda entry: (
        entry.item.prompt_id in asked or not answers.isdisjoint(entry.item.completion_ids)
    )


def _summary(ledger: Ledger, entry: Entry) -> ItemSummary:
    return ItemSummary(
        item_id=entry.id,
        kind=entry.item.kind,
        prompt=visible(ledger.snippets.get(entry.item.prompt_id, "")),
        judgments=len(states.labels(ledger, entry)),
        state=states.states(ledger, entry),
    )


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
) -> AdminJudgment:
    shown = _shown(context, entry, one)
    return AdminJudgment(
        judgment_id=one.id,
        labeller_id=one.labeller_id,
        labeller=_name(one.labeller_id, people),
        is_simulated=one.is_simulated,
        source=one.source,
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
