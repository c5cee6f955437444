"""The labelling routes: the next pair, a judgment on it, and taking the last one back."""

from typing import Annotated

from fastapi import APIRouter, Query

from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.pair import Pair
from rather.records import Judgment, Labeller
from rather.store import judgments, prompts
from rather.web.auth import CurrentLabeller
from rather.web.context import Context, CurrentContext
from rather.web.contract import (
    ItemId,
    JudgmentReply,
    JudgmentRequest,
    MeReply,
    NextReply,
    Progress,
    Rendered,
    Turn,
    UndoRequest,
)
from rather.web.markup import to_html, visible
from rather.web.replies import Refusal
from rather.web.worklist import Item

MAX_SKIPPED = 100
Skipped = Annotated[tuple[ItemId, ...], Query(alias="skip", max_length=MAX_SKIPPED)]

router = APIRouter(prefix="/api")


@router.get("/me")
def me(context: CurrentContext, labeller: CurrentLabeller) -> MeReply:
    """Who is logged in, and where."""
    return MeReply(
        id=labeller.id,
        name=labeller.name,
        role=labeller.role,
        workspace=context.workspace_name,
    )


@router.get("/next")
def next_pair(
    context: CurrentContext, labeller: CurrentLabeller, skipped: Skipped = ()
) -> NextReply:
    """The next pair for this labeller; those skipped for now come last."""
    return _shown(context, labeller, context.worklist.next_item(labeller.id, skipped))


@router.post("/judgments")
def judge(
    body: JudgmentRequest, context: CurrentContext, labeller: CurrentLabeller
) -> JudgmentReply:
    """Store one choice; answers only when it is on disk."""
    item = context.worklist.find(body.item_id)
    if item is None:
        raise Refusal(404, "This pair is not here any more.", code="unknown_item")
    judgment = _judgment_of(body, item, context, labeller)
    with context.worklist.reserved(labeller.id, item, judgment.idempotency_key) as is_free:
        if not is_free:
            raise Refusal(409, "You have judged this pair already.", code="already_judged")
        stored, replayed = judgments.record(context.db, judgment)
        if not replayed:
            context.worklist.note(stored)
    if stored.is_retraction or stored.answer != judgment.answer:
        raise Refusal(409, "This key belongs to another judgment.", code="key_reused")
    return JudgmentReply(
        judgment_id=stored.id, item_id=item.id, choice=body.choice, replayed=replayed
    )


@router.post("/undo")
def undo(body: UndoRequest, context: CurrentContext, labeller: CurrentLabeller) -> NextReply:
    """Take back this labeller's last judgment and show its pair again."""
    key = _own_key(labeller, f"undo:{body.idempotency_key}")
    retraction = context.worklist.retraction(key) or _take_back(context, labeller, key)
    return _shown(context, labeller, context.worklist.item_of(retraction))


def _take_back(context: Context, labeller: Labeller, key: str) -> Judgment:
    last = context.worklist.last_judgment(labeller.id)
    if last is None:
        raise Refusal(409, "There is nothing to undo.", code="nothing_to_undo")
    circumstances = Circumstances(
        idempotency_key=key,
        guidelines_hash=last.guidelines_hash,
        supersedes=last.id,
        is_retraction=True,
    )
    answer = Pair.from_answer(last.answer)
    retraction = new_judgment(last.prompt_id, labeller, answer, circumstances)
    stored, _ = judgments.record(context.db, retraction)
    context.worklist.note(stored)
    return stored


def _judgment_of(
    body: JudgmentRequest, item: Item, context: Context, labeller: Labeller
) -> Judgment:
    left, right = context.worklist.sides(item, labeller.id)
    circumstances = Circumstances(
        idempotency_key=_own_key(labeller, body.idempotency_key),
        guidelines_hash=body.guidelines_hash,
        ms_to_decision=body.ms_to_decision,
    )
    answer = Pair(left.id, right.id, body.choice, body.strength)
    return new_judgment(left.prompt_id, labeller, answer, circumstances)


def _own_key(labeller: Labeller, key: str) -> str:
    """Keys are one labeller's own: nobody can replay, or block, somebody else's."""
    return f"{labeller.id}:{key}"


def _shown(context: Context, labeller: Labeller, item: Item | None) -> NextReply:
    done, remaining = context.worklist.progress(labeller.id)
    progress = Progress(done=done, remaining=remaining, goal=context.config.run.min_judgments)
    if item is None:
        return NextReply(
            item_id=None,
            prompt=[],
            left=None,
            right=None,
            progress=progress,
            guidelines=context.guidelines,
        )
    left, right = context.worklist.sides(item, labeller.id)
    return NextReply(
        item_id=item.id,
        prompt=_turns(context, left.prompt_id),
        left=_rendered(left.text),
        right=_rendered(right.text),
        progress=progress,
        guidelines=context.guidelines,
    )


def _turns(context: Context, prompt_id: str) -> list[Turn]:
    prompt = prompts.get(context.db, prompt_id)
    messages = prompt.messages if prompt is not None else ()
    return [
        Turn(
            role=visible(message.role), html=to_html(message.content), text=visible(message.content)
        )
        for message in messages
    ]


def _rendered(text: str) -> Rendered:
    return Rendered(html=to_html(text), text=visible(text))
