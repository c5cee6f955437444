"""What the labelling page sends and gets: exactly these fields, so nothing can leak by accident.

No model, adapter, reward, order, purpose or round is in here, and no test may add one.
"""

from typing import Annotated, Literal

from pydantic import Field

from rather.records import Choice, Kind
from rather.web.contract.shape import (
    MAX_CHARACTERS,
    MAX_MILLISECONDS,
    ItemId,
    JudgmentId,
    Key,
    Rendered,
    Shape,
    Turn,
)

Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]
Comment = Annotated[str, Field(max_length=10_000)]
SkipReason = Literal["too_hard", "broken", "offensive", "not_my_field", "other"]


# What is said about an item: one shape a kind, told apart by `kind`.


class PairSaid(Shape):
    """A is the first answer of the task (left), B the second (right)."""

    kind: Literal["pair"]
    choice: Choice
    strength: int | None = Field(None, ge=1, le=3)
    """1 slightly, 2 clearly, 3 much; with A or B only."""
    dimensions: dict[str, Literal["A", "B", "tie"]] = Field(default_factory=dict)
    """Of the project's dimensions those that were answered."""


class RankingSaid(Shape):
    """`ranks[i]` is the rank of answer i of the task; 1 is best, equal numbers are ties."""

    kind: Literal["ranking"]
    ranks: list[int] = Field(min_length=2, max_length=6)


class DemonstrationSaid(Shape):
    """The ideal answer."""

    kind: Literal["demonstration"]
    text: Text


class CorrectionSaid(Shape):
    """Answer number `place` of the task, edited; possible on every task that shows answers."""

    kind: Literal["correction"]
    text: Text
    place: int = Field(0, ge=0, le=5)


class ThumbSaid(Shape):
    """Good or bad."""

    kind: Literal["thumb"]
    is_good: bool


Said = Annotated[
    PairSaid | RankingSaid | DemonstrationSaid | CorrectionSaid | ThumbSaid,
    Field(discriminator="kind"),
]


class Draft(Shape):
    """What somebody has begun to write about an item; every field may still be empty."""

    text: Text = ""
    comment: Comment = ""


class Given(Shape):
    """What this labeller said about the item before."""

    judgment_id: str
    said: Said
    comment: str
    created_at: str


class Task(Shape):
    """One item as this labeller sees it, the same on every visit."""

    item_id: str
    """Opaque."""
    kind: Kind
    prompt: list[Turn]
    answers: list[Rendered]
    """pair: left, right · ranking: 3 to 6 · correction, thumb: one · demonstration: none."""
    draft: Draft | None = None
    given: Given | None = None
    """Set only where a past judgment is looked at again."""


class Progress(Shape):
    """How far this labeller and the team are."""

    done: int
    """Judgments of this labeller that count."""
    remaining: int
    """Items still open for this labeller."""
    goal: int
    """Judgments a round waits for before it trains."""
    done_today: int
    """Of this labeller, since midnight UTC."""
    team: int
    """Judgments of everybody."""


class Guidelines(Shape):
    """What labellers are told, and which version of it."""

    html: str
    hash: str


class Question(Shape):
    """What the project asks."""

    kind: Kind
    text: str
    dimensions: list[str]
    ask_strength: bool


class MeReply(Shape):
    """GET /api/me: who is logged in, and where."""

    id: str
    name: str
    role: Literal["admin", "labeller"]
    workspace: str
    question: Question


class NextReply(Shape):
    """GET /api/next?count=1..20&skip=ITEM...: kept for this labeller; [] when none is left.

    `count` items at most (the later ones to go on with while offline); those in `skip` come last.
    The items of `holding` (repeated, what the page has already) are renewed and not sent again.
    """

    tasks: list[Task]
    progress: Progress
    guidelines: Guidelines
    notice: str | None = None
    """A sentence for the labeller: read the guidelines again, or paused."""
    is_paused: bool = False


class JudgmentRequest(Shape):
    """POST /api/judgments: one answer; the server knows which completions were shown where."""

    item_id: ItemId
    said: Said
    ms_to_decision: int = Field(ge=0, le=MAX_MILLISECONDS)
    idempotency_key: Key
    guidelines_hash: str = Field(pattern=r"^[0-9a-f]{0,64}$")
    comment: Comment = ""
    supersedes: JudgmentId | None = None
    """The past judgment that this one replaces; it must be of this labeller and item, and live."""


class JudgmentReply(Shape):
    """The judgment is on disk; `replayed` where its idempotency key was known already."""

    judgment_id: str
    item_id: str
    replayed: bool
    notice: str | None = None
    """As in NextReply."""


class UndoRequest(Shape):
    """POST /api/undo: takes a judgment of this labeller back, and its item is asked again.

    By default the last one; `judgment_key` names another by the key it was given with. The reply is
    the Task.
    """

    idempotency_key: Key
    judgment_key: Key | None = None


class RemarkRequest(Shape):
    """POST /api/remarks: skip (the item goes to others) or flag (something is wrong with it)."""

    item_id: ItemId
    what: Literal["skip", "flag"]
    reason: SkipReason
    comment: Comment = ""
    idempotency_key: Key


class WithdrawalRequest(Shape):
    """POST /api/remarks/withdraw: takes a skip or flag back, named by its key."""

    remark_key: Key
    idempotency_key: Key


class DraftRequest(Shape):
    """PUT /api/drafts/{item_id}: kept on the server, renews the lease; an empty one removes it."""

    draft: Draft


class HistoryEntry(Shape):
    """One past judgment of this labeller."""

    judgment_id: str
    item_id: str
    said: Said
    comment: str
    created_at: str
    prompt: str
    """The first 200 characters of the prompt's last turn, hidden characters made visible."""


class HistoryReply(Shape):
    """GET /api/history?before=JUDGMENT_ID: the newest 50 live judgments, then those before."""

    entries: list[HistoryEntry]
    next_before: str | None


# GET /api/items/{item_id} replies with the Task, `given` set to what was said last.
