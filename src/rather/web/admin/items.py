"""Lists of items by how they stand, for an admin to look at."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query

from rather.store import completions, prompts
from rather.web.admin import states
from rather.web.admin.ledger import CurrentLedger, Entry, Ledger
from rather.web.context import Context, CurrentContext
from rather.web.contract.overview import ItemsReply, ItemState, ItemSummary
from rather.web.contract.shape import ItemId
from rather.web.markup import visible
from rather.web.replies import Refusal

PAGE = 50
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
