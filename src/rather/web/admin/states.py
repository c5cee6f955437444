"""How an item stands: who judged it, whether they differ, what was remarked, what an admin did."""

from rather.data.consent import without_consent
from rather.feedback.agreement.labels import is_label, label_of
from rather.feedback.assignment import wanted_judges
from rather.records import Judgment, Remark
from rather.store import remarks
from rather.web.admin.ledger import Entry, Ledger
from rather.web.contract.overview import ItemState
from rather.web.labelling.places import weigh

DECISIONS = ("restore", "retire")


def live_events(ledger: Ledger, entry: Entry) -> list[Judgment]:
    """What counts of all that was said about the item."""
    return [event for event in entry.events if event.id in ledger.live]


def labels(ledger: Ledger, entry: Entry) -> dict[str, Judgment]:
    """By person: the label that counts."""
    found = [event for event in live_events(ledger, entry) if is_label(event)]
    return {event.labeller_id: event for event in found}


def is_gold(ledger: Ledger, entry: Entry) -> bool:
    """Whether it is a control item: its answer is known."""
    return any(event.source == "gold" for event in live_events(ledger, entry))


def is_settled(ledger: Ledger, entry: Entry) -> bool:
    """Whether an admin has said what holds."""
    return any(event.source == "resolution" for event in live_events(ledger, entry))


def differ(ledger: Ledger, entry: Entry) -> bool:
    """Whether two people say different things; what they write does not count as different."""
    said = [label_of(ledger.answers[event.id]) for event in labels(ledger, entry).values()]
    return any(one != said[0] for one in said[1:])


def open_flags(entry: Entry) -> list[Remark]:
    """The flags that no admin has looked at yet."""
    return [remark for remark in _since_decision(entry) if remark.what == "flag"]


def skips(entry: Entry) -> list[Remark]:
    """The skips that were not taken back."""
    return [remark for remark in remarks.live(entry.remarks) if remark.what == "skip"]


def is_hidden(ledger: Ledger, entry: Entry) -> bool:
    """Whether nobody is asked it: retired by an admin, or flagged by enough people."""
    return weigh(entry.remarks, ledger.section.checks.num_flags)[1]


def wanted(ledger: Ledger, entry: Entry) -> int:
    """How many people it is meant for."""
    return wanted_judges(ledger.secret, ledger.section.overlap, entry.item.name)


def leaking(ledger: Ledger, entry: Entry) -> bool:
    """Whether one of its answers may tell who made it."""
    return any(id in ledger.leaks for id in entry.item.completion_ids)


def states(ledger: Ledger, entry: Entry) -> list[ItemState]:
    """Everything that can be said of it in one word."""
    settled = is_settled(ledger, entry)
    found: dict[ItemState, bool] = {
        "disagreement": not settled and differ(ledger, entry),
        "settled": settled,
        "flagged": bool(open_flags(entry)),
        "hidden": is_hidden(ledger, entry),
        "skipped": bool(skips(entry)),
        "leak": leaking(ledger, entry),
        "gold": is_gold(ledger, entry),
        "no_consent": bool(without_consent(entry.events)),
    }
    return [state for state, holds in found.items() if holds]


def _since_decision(entry: Entry) -> list[Remark]:
    """The remarks that count, after an admin's last decision."""
    places = [place for place, one in enumerate(entry.remarks) if one.what in DECISIONS]
    return remarks.live(entry.remarks[places[-1] + 1 :] if places else entry.remarks)
