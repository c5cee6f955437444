"""An assignment as its labeller sees it: rendered, blind, with what they wrote and said before."""

from collections.abc import Iterable, Sequence

from rather.feedback.kinds import answer_of
from rather.records import Assignment, Judgment
from rather.store import drafts, judgments
from rather.web.context import Context
from rather.web.contract.labelling import Draft, Given, HistoryEntry, NextReply, Progress, Task
from rather.web.contract.shape import Rendered, Turn
from rather.web.labelling.ledger import purpose_of
from rather.web.labelling.wire import assignment_of, said_of
from rather.web.markup import to_html, visible

NUM_PREVIEW_CHARACTERS = 200
READ_AGAIN = (
    "Several of your answers differ from what the guidelines ask for. Please read them again."
)
PAUSED = (
    "You are paused for now. What you judged is kept; whoever runs the project will look at it."
)


def tasks_of(context: Context, labeller_id: str, found: Sequence[Assignment]) -> list[Task]:
    """What to show, in that order."""
    begun = drafts.of(context.db, labeller_id, map(draft_key, found)) if found else {}
    return [_task(context, one, begun.get(draft_key(one))) for one in found]


def task_again(context: Context, one: Assignment) -> Task:
    """Something shown before, with what its labeller said of it last."""
    begun = drafts.of(context.db, one.labeller_id, [draft_key(one)])
    with context.db.read() as connection:
        said = judgments.live_about(connection, one.prompt_id, one.labeller_id)
    mine = [judgment for judgment in said if is_about(judgment, one)]
    given = _given(mine[-1], one) if mine else None
    return _task(context, one, begun.get(draft_key(one))).model_copy(update={"given": given})


def is_about(judgment: Judgment, one: Assignment) -> bool:
    """Whether a judgment of the same labeller answers that assignment."""
    if judgment.kind != one.kind or purpose_of(judgment) != one.purpose:
        return False
    return sorted(answer_of(judgment).completion_ids) == sorted(one.completion_ids)


def draft_key(one: Assignment) -> str:
    """The name under which a draft about it is kept."""
    return f"{one.item} again" if one.purpose == "repeat" else one.item


def history_entry(context: Context, judgment: Judgment) -> HistoryEntry:
    """A past judgment, in the order in which its answers were shown."""
    answer = answer_of(judgment)
    prompt = context.worklist.board.prompts.get(judgment.prompt_id)
    last = prompt.messages[-1].content if prompt is not None and prompt.messages else ""
    return HistoryEntry(
        judgment_id=judgment.id,
        item_id=context.worklist.board.id_of(assignment_of(judgment, answer)),
        said=said_of(answer, answer.completion_ids),
        comment=judgment.comment,
        created_at=judgment.created_at,
        prompt=visible(last[:NUM_PREVIEW_CHARACTERS]),
    )


def notice_of(context: Context, labeller_id: str, is_paused: bool) -> str | None:
    """What a labeller is told about their work, if anything."""
    if is_paused:
        return PAUSED
    return READ_AGAIN if context.worklist.standing(labeller_id) == "warned" else None


def reply_of(context: Context, labeller_id: str, found: list[Task], is_paused: bool) -> NextReply:
    """The tasks with all that stands around them."""
    done, remaining, done_today, team = context.worklist.progress(labeller_id)
    return NextReply(
        tasks=found,
        progress=Progress(
            done=done,
            remaining=remaining,
            goal=context.config.run.min_judgments,
            done_today=done_today,
            team=team,
        ),
        guidelines=context.guidelines,
        notice=notice_of(context, labeller_id, is_paused),
        is_paused=is_paused,
    )


def _task(context: Context, one: Assignment, begun: dict[str, str] | None) -> Task:
    board = context.worklist.board
    prompt = board.prompts.get(one.prompt_id)
    return Task(
        item_id=board.id_of(one),
        kind=one.kind,
        prompt=[] if prompt is None else [_turn(m.role, m.content) for m in prompt.messages],
        answers=_rendered(board.texts.get(id, "") for id in one.completion_ids),
        draft=None if begun is None else Draft(**begun),
    )


def _turn(role: str, content: str) -> Turn:
    return Turn(role=visible(role), html=to_html(content), text=visible(content))


def _rendered(texts: Iterable[str]) -> list[Rendered]:
    return [Rendered(html=to_html(text), text=visible(text)) for text in texts]


def _given(judgment: Judgment, one: Assignment) -> Given:
    return Given(
        judgment_id=judgment.id,
        said=said_of(answer_of(judgment), one.completion_ids),
        comment=judgment.comment,
        created_at=judgment.created_at,
    )
