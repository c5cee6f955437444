"""What a labeller says: judgments, later versions of them, and taking one back."""

from dataclasses import replace

from fastapi import APIRouter
from sqlalchemy import Connection

from rather.feedback.correction import Correction
from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.kinds import answer_of
from rather.records import Assignment, Judgment, Labeller, Purpose, Source
from rather.store import assignments, drafts, judgments
from rather.web.auth import CurrentLabeller
from rather.web.context import Context, CurrentContext
from rather.web.contract.labelling import JudgmentReply, JudgmentRequest, Task, UndoRequest
from rather.web.labelling.asking import require_shown
from rather.web.labelling.ledger import OWN_SOURCES
from rather.web.labelling.pausing import pause_if_due, require_not_paused
from rather.web.labelling.shown import draft_key, is_about, notice_of, task_again
from rather.web.labelling.wire import answer_from, assignment_of
from rather.web.markup import as_it_was
from rather.web.replies import Refusal

SOURCES: dict[Purpose, Source] = {"work": "label", "gold": "gold_check", "repeat": "repeat"}
SUPERSEDED = "There is a later version of this judgment."

router = APIRouter(prefix="/api")


@router.post("/judgments")
def judge(
    body: JudgmentRequest, context: CurrentContext, labeller: CurrentLabeller
) -> JudgmentReply:
    """Store one answer; replies only when it is on disk."""
    shown = require_shown(context, labeller, body.item_id)
    judgment = _judgment_of(body, shown, context, labeller)

    def act(connection: Connection) -> tuple[Judgment, bool]:
        known = judgments.by_key(connection, judgment.idempotency_key)
        if known is not None:
            _require_same(connection, known, judgment)
            return known, True
        require_not_paused(labeller)
        return _store(connection, judgment, shown), False

    stored, replayed = context.db.write(act)
    if stored.kind != shown.kind:  # said beside the task: an item of its own
        context.worklist.note([assignment_of(stored, answer_of(stored))])
    context.worklist.note([stored])
    is_paused = stored.source == "gold_check" and pause_if_due(context, labeller)
    return JudgmentReply(
        judgment_id=stored.id,
        item_id=body.item_id,
        replayed=replayed,
        notice=notice_of(context, labeller.id, is_paused or bool(labeller.paused)),
    )


@router.post("/undo")
def undo(body: UndoRequest, context: CurrentContext, labeller: CurrentLabeller) -> Task:
    """Take back a judgment of this labeller and show its item again."""
    context.worklist.look()
    key = own_key(labeller, f"undo:{body.idempotency_key}")

    def act(connection: Connection) -> tuple[Judgment, Assignment]:
        known = judgments.by_key(connection, key)
        if known is None:
            require_not_paused(labeller)
            target = _to_take_back(connection, body, labeller)
            known, _ = judgments.record_in(connection, _retraction(target, labeller, key))
        shown = _kept(connection, assignment_of(known, answer_of(known)))
        until = context.worklist.moment(context.config.label.lease_minutes)
        assignments.renew(connection, labeller.id, shown.item, shown.purpose, until)
        return known, replace(shown, expires_at=until)

    retraction, shown = context.db.write(act)
    context.worklist.note([shown, retraction])
    return task_again(context, shown)


def own_key(labeller: Labeller, key: str) -> str:
    """Keys are one labeller's own: nobody can replay, or block, somebody else's."""
    return f"{labeller.id}:{key}"


def _judgment_of(
    body: JudgmentRequest, shown: Assignment, context: Context, labeller: Labeller
) -> Judgment:
    answer = answer_from(body.said, shown, context.config.label)
    if isinstance(answer, Correction):
        # The page shows hidden characters by name; nobody meant to write those names.
        edited = context.worklist.board.texts.get(answer.completion_id, "")
        answer = replace(answer, text=as_it_was(answer.text, edited))
    # What is written beside a repeat is said of the real item, whatever that was shown for.
    is_aside = answer.kind != shown.kind and shown.purpose == "repeat"
    circumstances = Circumstances(
        source="label" if is_aside else SOURCES[shown.purpose],
        idempotency_key=own_key(labeller, body.idempotency_key),
        guidelines_hash=body.guidelines_hash,
        ms_to_decision=body.ms_to_decision,
        supersedes=body.supersedes,
        comment=body.comment,
    )
    made = new_judgment(shown.prompt_id, labeller, answer, circumstances)
    return replace(made, created_at=context.worklist.moment())


def _require_same(connection: Connection, known: Judgment, judgment: Judgment) -> None:
    """Refuse a key that came with something else, or whose judgment does not count any more."""
    is_same = (known.kind, known.answer) == (judgment.kind, judgment.answer)
    if not is_same or known.is_retraction:
        raise Refusal(409, "This key belongs to another judgment.", code="key_reused")
    if judgments.successor(connection, known.id) is not None:
        raise Refusal(409, SUPERSEDED, code="superseded")


def _store(connection: Connection, judgment: Judgment, shown: Assignment) -> Judgment:
    answered = assignment_of(judgment, answer_of(judgment))
    said = judgments.live_about(connection, judgment.prompt_id, judgment.labeller_id)
    now = next((one for one in said if is_about(one, answered)), None)
    if judgment.supersedes is not None:
        if now is None or now.id != judgment.supersedes:
            raise Refusal(409, SUPERSEDED, code="superseded")
    elif now is not None and judgment.kind != shown.kind:
        # The same answer may stand in several items; the last correction of it counts.
        judgment = replace(judgment, supersedes=now.id)
    elif now is not None:
        raise Refusal(409, "You have judged this already.", code="already_judged")
    judgments.add(connection, judgment)
    if judgment.kind != shown.kind or judgment.supersedes is not None:
        _kept(connection, answered)
    if judgment.kind == shown.kind:
        drafts.remove(connection, judgment.labeller_id, draft_key(shown))
    return judgment


def _kept(connection: Connection, one: Assignment) -> Assignment:
    """The assignment as it is stored, now if not before: of a correction, or of an old judgment."""
    found = assignments.find(connection, one.labeller_id, one.item, one.purpose)
    if found is None:
        assignments.add(connection, one)
    return found or one


def _to_take_back(connection: Connection, body: UndoRequest, labeller: Labeller) -> Judgment:
    nothing = Refusal(409, "There is nothing to undo.", code="nothing_to_undo")
    if body.judgment_key is None:
        last = judgments.newest(connection, labeller.id, OWN_SOURCES, 1)
        if not last:
            raise nothing
        return last[0]
    named = judgments.by_key(connection, own_key(labeller, body.judgment_key))
    if named is None:
        raise nothing
    later = judgments.successor(connection, named.id)
    if later is None:
        return named
    is_edit = any(
        one.id == later for one in judgments.live_about(connection, named.prompt_id, labeller.id)
    )
    raise Refusal(409, SUPERSEDED, code="superseded") if is_edit else nothing


def _retraction(target: Judgment, labeller: Labeller, key: str) -> Judgment:
    circumstances = Circumstances(
        source=target.source,
        idempotency_key=key,
        guidelines_hash=target.guidelines_hash,
        supersedes=target.id,
        is_retraction=True,
    )
    return new_judgment(target.prompt_id, labeller, answer_of(target), circumstances)
