"""What an admin is told about the labelling: progress, agreement, people, and the items to look at.

Everything here is behind the admin role; this is where models' names may be read.
"""

from typing import Annotated, Literal

from pydantic import Field

from rather.records import Kind, Purpose, Source
from rather.web.contract.labelling import Comment, Said
from rather.web.contract.shape import Key, Rendered, Shape, Turn


class Measured(Shape):
    """A number with its 95 % interval, or the reason why there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    """What it was computed from."""
    reason: str | None = None
    """Why it is not computable; null where there is a value."""


class Pace(Shape):
    """How fast judgments come."""

    per_day: list[tuple[str, int]]
    """(YYYY-MM-DD, judgments) of the last 30 days, days without any included."""
    last_hour: int
    per_hour: float | None
    """Over the hours with judgments in the last seven days; null where there are none."""
    eta_hours: float | None
    """Hours of labelling until the goal at that pace; 0 when reached, null where not computable."""


class Counts(Shape):
    """How much there is."""

    items: int
    open_items: int
    judgments: int
    """By people, live, without control items and repeats."""
    simulated: int
    goal: int
    skipped: int
    flagged: int
    hidden: int
    """Items that nobody is asked until an admin looks."""
    disagreements: int
    """Items whose judges differ and that nobody has settled."""
    leaks: int
    """Items with an answer that may tell who made it."""
    extra: int
    """Judgments beyond the people an item was meant for: late, kept, learnt from."""


class Agreement(Shape):
    """Between people, over items that at least two of them judged."""

    num_items: int
    raw: Measured
    """Share of the pairs of judges who say the same, averaged over items."""
    alpha: Measured
    """Krippendorff's α (nominal; of rankings ordinal), bootstrap over items."""
    labellers: list[str]
    """Ids, the order of the matrix."""
    kappa: list[list[Measured | None]]
    """Cohen's κ of each two; null on the diagonal."""
    ceiling: Measured
    """Highest accuracy a perfect reward model could reach on these judgments, that is how often a
    person's choice agrees with another person's, ties left out."""


class Labelled(Shape):
    """One labeller's work, as numbers."""

    id: str
    name: str
    is_simulated: bool
    judgments: int
    skips: int
    flags: int
    gold: Measured
    """Accuracy on control items (Wilson interval)."""
    consistency: Measured
    """Share of repeated items answered the same."""
    left_picks: Measured
    """Share of A or B choices that fell on the left answer."""
    median_ms: int | None
    fast: int
    """Judgments given in under two seconds."""
    paused: str


class OverviewReply(Shape):
    """GET /api/admin/overview"""

    kind: Kind
    counts: Counts
    pace: Pace
    agreement: Agreement
    left_picks: Measured
    """Over all people."""
    people: list[Labelled]
    guidelines: list[tuple[str, int]]
    """(hash, judgments given under it), the newest last."""


ItemState = Literal[
    "all", "disagreement", "settled", "flagged", "hidden", "skipped", "leak", "gold", "no_consent"
]


class ItemSummary(Shape):
    """One item in a list."""

    item_id: str
    kind: Kind
    prompt: str
    """First 200 characters of its last turn, made visible."""
    judgments: int
    state: list[ItemState]


class ItemsReply(Shape):
    """GET /api/admin/items?state=&labeller=&query=&before=: 50 at a time."""

    items: list[ItemSummary]
    total: int
    next_before: str | None


class AdminAnswer(Rendered):
    """One answer with where it came from."""

    completion_id: str
    model: str
    sampling: dict[str, str]
    num_tokens: int
    leaks: list[str]
    """Identity words in it."""


class AdminJudgment(Shape):
    """One event about the item, retracted and superseded ones included."""

    judgment_id: str
    labeller_id: str
    labeller: str
    is_simulated: bool
    source: Source
    has_consent: bool
    """Whether models may learn from it: consent was given, and not taken back since."""
    said: Said
    shown: list[str]
    """Completion ids in the order this person saw them; `said` speaks in this order."""
    comment: str
    created_at: str
    ms_to_decision: int | None
    guidelines_hash: str
    is_live: bool


class AdminRemark(Shape):
    """A skip, a flag, or what an admin did about it."""

    what: str
    labeller: str
    reason: str
    comment: str
    created_at: str
    is_live: bool


class ItemReply(Shape):
    """GET /api/admin/items/{item_id}"""

    item_id: str
    kind: Kind
    purpose: Purpose
    split: str
    tags: list[str]
    prompt: list[Turn]
    answers: list[AdminAnswer]
    judgments: list[AdminJudgment]
    remarks: list[AdminRemark]
    state: list[ItemState]


class SettleRequest(Shape):
    """POST /api/admin/items/{item_id}/settle: one answer that replaces what the judges said.

    `said` speaks in the order of ItemReply.answers. Training then uses this one alone.
    """

    said: Said
    comment: Comment = ""
    idempotency_key: Key


class ItemDecisionRequest(Shape):
    """POST /api/admin/items/{item_id}/decide: ask it again, or ask it nobody any more."""

    what: Literal["restore", "retire"]
    comment: Comment = ""
    idempotency_key: Key


Format = Annotated[Literal["trl", "arena", "jsonl"], Field()]
# GET /api/admin/export?format=trl|arena|jsonl&labeller=&with_simulated=0: a file to save, as
# `rather export` writes it; the header X-Rather-Left-Out says as JSON what was left out and why.
