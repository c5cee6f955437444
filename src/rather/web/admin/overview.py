"""How the labelling stands: progress, pace, agreement, and every labeller's work as numbers."""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request

from rather.feedback.agreement.alpha import krippendorff
from rather.feedback.agreement.kappa import kappa_matrix
from rather.feedback.agreement.labels import Table, label_of, shared, table
from rather.feedback.agreement.quality import left_picks
from rather.feedback.agreement.shares import ceiling, raw_agreement
from rather.feedback.items import item_name
from rather.feedback.pair import Pair
from rather.records import CHECK_SOURCES, Labeller
from rather.store import labellers
from rather.web.admin import states
from rather.web.admin.labelled import labelled, measured
from rather.web.admin.ledger import CurrentLedger, Entry, Ledger
from rather.web.admin.pace import pace
from rather.web.context import CurrentContext
from rather.web.contract.overview import Agreement, Counts, OverviewReply

PATIENCE = 10
"""What took a second to count is not counted again for ten: labelling comes first."""
QUICK_SECONDS = 0.25
"""What takes less is counted anew whenever something has changed."""

router = APIRouter()


@dataclass
class _Kept:
    """The numbers of one moment, and how long they took."""

    of: Any
    """What they were computed from."""
    reply: OverviewReply
    seconds: float
    made_at: float


class Overview:
    """The newest numbers; they are computed by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def of(self, ledger: Ledger, people: list[Labeller], goal: int) -> OverviewReply:
        """The numbers as they are, or, where counting is slow, as they were a moment ago."""
        with self._lock, ledger.reading():
            kept, state, now = self._kept, (ledger.marks, people), time.monotonic()
            if kept is None or not self._holds(kept, state, now):
                reply = _counted(ledger, people, goal)
                kept = _Kept(state, reply, time.monotonic() - now, now)
                self._kept = kept
            # The pace goes on while nothing is said.
            by_people = [one.created_at for one, _ in ledger.labels() if one.source != "import"]
            left = goal - kept.reply.counts.judgments
            return kept.reply.model_copy(update={"pace": pace(by_people, left, datetime.now(UTC))})

    @staticmethod
    def _holds(kept: _Kept, state: Any, now: float) -> bool:
        is_slow = kept.seconds > QUICK_SECONDS
        return kept.of == state or (
            is_slow and now < kept.made_at + kept.seconds + PATIENCE * kept.seconds
        )


@router.get("/overview")
def overview(request: Request, context: CurrentContext, ledger: CurrentLedger) -> OverviewReply:
    """Everything an admin is told at a glance."""
    state = request.app.state
    if not hasattr(state, "overview"):
        state.overview = Overview()
    people = labellers.all(context.db)
    reply: OverviewReply = state.overview.of(ledger, people, context.config.run.min_judgments)
    return reply


def _counted(ledger: Ledger, people: list[Labeller], goal: int) -> OverviewReply:
    kind = ledger.section.kind
    sided = [
        answer
        for judgment, answer in ledger.labels()
        if isinstance(answer, Pair) and judgment.source == "label"
    ]
    return OverviewReply(
        kind=kind,
        counts=_counts(ledger, goal),
        pace=pace([], 0, datetime.now(UTC)),
        agreement=_agreement(_table(ledger), ledger),
        left_picks=measured(left_picks(sided)),
        people=labelled(ledger, people),
        guidelines=_guidelines(ledger),
    )


def _counts(ledger: Ledger, goal: int) -> Counts:
    kind = ledger.section.kind
    work = [
        entry
        for name, entry in ledger.entries.items()
        if name in ledger.asked or (entry.item.kind == kind and entry.events)
        if not states.is_gold(ledger, entry)
    ]
    # Most items of a large workspace were never touched: they have one state at most.
    touched = [(entry, states.states(ledger, entry)) for entry in work if entry.is_touched]
    found = Counter(state for _, said in touched for state in said)
    beyond = [
        len(states.labels(ledger, entry)) - states.wanted(ledger, entry) for entry, _ in touched
    ]
    return Counts(
        items=len(work),
        open_items=sum(_is_open(ledger, entry) for entry in work),
        judgments=sum(1 for _ in ledger.labels()),
        simulated=sum(
            one.is_simulated and one.source not in CHECK_SOURCES for one in ledger.live.values()
        ),
        goal=goal,
        skipped=found["skipped"],
        flagged=found["flagged"],
        hidden=found["hidden"],
        disagreements=found["disagreement"],
        leaks=sum(states.leaking(ledger, entry) for entry in work),
        extra=sum(max(0, number) for number in beyond),
    )


def _is_open(ledger: Ledger, entry: Entry) -> bool:
    if entry.item.name not in ledger.asked:
        return False
    if not entry.is_touched:
        return True
    if states.is_hidden(ledger, entry) or states.is_settled(ledger, entry):
        return False
    return len(states.labels(ledger, entry)) < states.wanted(ledger, entry)


def _table(ledger: Ledger) -> Table:
    """The labels of the kind that is asked, by item and person."""
    said = []
    for judgment, answer in ledger.labels():
        label = label_of(answer) if judgment.kind == ledger.section.kind else None
        if label is not None:
            name = item_name(judgment.kind, judgment.prompt_id, answer.completion_ids)
            said.append((name, judgment.labeller_id, label))
    return table(said)


def _agreement(said: Table, ledger: Ledger) -> Agreement:
    kind = ledger.section.kind
    people, matrix = kappa_matrix(said, kind)
    # One reason stands in thousands of cells.
    cells = {one: measured(one) for row in matrix for one in row if one is not None}
    return Agreement(
        num_items=len(shared(said)),
        raw=measured(raw_agreement(said, kind)),
        alpha=measured(krippendorff(said, kind)),
        labellers=people,
        kappa=[[None if one is None else cells[one] for one in row] for row in matrix],
        ceiling=measured(ceiling(said, kind)),
    )


def _guidelines(ledger: Ledger) -> list[tuple[str, int]]:
    given = [one.guidelines_hash for one, _ in ledger.labels() if one.guidelines_hash]
    return list(Counter(given).items())
