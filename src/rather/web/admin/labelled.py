"""Every labeller's work as numbers: control items, repeats, sides, speed."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from rather.feedback.agreement import quality
from rather.feedback.agreement.estimate import Estimate
from rather.feedback.agreement.labels import is_label, label_of
from rather.feedback.answer import Answer
from rather.feedback.items import item_name
from rather.feedback.kinds import KINDS
from rather.feedback.pair import Pair
from rather.records import Judgment, Labeller
from rather.store import remarks
from rather.web.admin.ledger import Ledger
from rather.web.contract.overview import Labelled, Measured
from rather.web.markup import visible

Said = tuple[Judgment, Answer]


def labelled(ledger: Ledger, people: Iterable[Labeller]) -> list[Labelled]:
    """One row for each labeller, simulators included."""
    said: dict[str, list[Said]] = defaultdict(list)
    for id, judgment in ledger.live.items():
        said[judgment.labeller_id].append((judgment, ledger.answers[id]))
    truths = _truths(ledger)
    remarked = _remarked(ledger)
    return [_row(one, said[one.id], truths, remarked) for one in people]


def num_judgments(ledger: Ledger) -> Counter[str]:
    """How many judgments of each labeller count, without control items and repeats."""
    return Counter(one.labeller_id for one in ledger.live.values() if _counts(one))


def measured(estimate: Estimate) -> Measured:
    """An estimate as the page gets it."""
    return Measured(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        n=estimate.n,
        reason=estimate.reason,
    )


def _row(
    one: Labeller,
    said: list[Said],
    truths: dict[str, Answer],
    remarked: Counter[tuple[str, str]],
) -> Labelled:
    given = [(judgment, answer) for judgment, answer in said if judgment.source == "label"]
    times = [one.ms_to_decision for one, _ in given if one.ms_to_decision is not None]
    return Labelled(
        id=one.id,
        name=visible(one.name),
        is_simulated=one.is_simulated,
        judgments=sum(_counts(judgment) for judgment, _ in said),
        skips=remarked[one.id, "skip"],
        flags=remarked[one.id, "flag"],
        gold=measured(quality.gold_accuracy(_right(said, truths))),
        consistency=measured(quality.consistency(_repeated(said))),
        left_picks=measured(
            quality.left_picks(answer for _, answer in given if isinstance(answer, Pair))
        ),
        median_ms=quality.median_milliseconds(times),
        fast=quality.num_fast(times),
        paused=visible(one.paused),
    )


def _counts(judgment: Judgment) -> bool:
    return is_label(judgment) or (judgment.is_simulated and judgment.source == "label")


def _item(said: Said) -> str:
    judgment, answer = said
    return item_name(judgment.kind, judgment.prompt_id, answer.completion_ids)


def _truths(ledger: Ledger) -> dict[str, Answer]:
    """The known answers of control items, by item."""
    return {
        _item((judgment, ledger.answers[id])): ledger.answers[id]
        for id, judgment in ledger.live.items()
        if judgment.source == "gold"
    }


def _remarked(ledger: Ledger) -> Counter[tuple[str, str]]:
    return Counter(
        (remark.labeller_id, remark.what)
        for entry in ledger.entries.values()
        if entry.remarks
        for remark in remarks.live(entry.remarks)
    )


def _right(said: Iterable[Said], truths: dict[str, Answer]) -> list[bool]:
    """Of a labeller's answers to control items, which are right."""
    checked = [
        (answer, truths.get(_item((judgment, answer))))
        for judgment, answer in said
        if judgment.source == "gold_check" and KINDS[judgment.kind].is_checkable
    ]
    return [answer.fits(truth) for answer, truth in checked if truth is not None]


def _repeated(said: list[Said]) -> list[bool]:
    """Of the items a labeller was asked again, which were answered as before."""
    before = {_item(one): label_of(one[1]) for one in said if is_label(one[0])}
    again = [(_item(one), label_of(one[1])) for one in said if one[0].source == "repeat"]
    return [
        label == before[item] for item, label in again if label and before.get(item) is not None
    ]
