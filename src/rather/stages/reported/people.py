"""What the report says of what was collected: by whom, with what agreement, under which words."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rather.feedback.agreement.alpha import krippendorff
from rather.feedback.agreement.estimate import Estimate
from rather.feedback.agreement.labels import is_label, label_of, table
from rather.feedback.agreement.shares import raw_agreement
from rather.feedback.events import guidelines_hash
from rather.feedback.items import item_of
from rather.feedback.kinds import KINDS, answer_of
from rather.records import Judgment, Labeller
from rather.report.evaluated import Rate
from rather.report.model import Agreement, Collected, GuidelineVersion
from rather.store import guidelines
from rather.workspace import Workspace

WITH_AGREEMENT = tuple(kind for kind, one in KINDS.items() if one.is_checkable)


def collected(live: Sequence[Judgment], people: Mapping[str, Labeller]) -> list[Collected]:
    """What each labeller gave, in the order of their first judgment."""
    by_labeller: dict[str, list[Judgment]] = {}
    for judgment in live:
        by_labeller.setdefault(judgment.labeller_id, []).append(judgment)
    return [
        Collected(
            labeller=people[id].name,
            is_simulated=people[id].is_simulated,
            counts=dict(Counter(judgment.kind for judgment in theirs)),
            num_ties=sum(_is_tie(judgment) for judgment in theirs),
            detail=", ".join(f"{k} {v}" for k, v in sorted(people[id].settings.items())),
        )
        for id, theirs in by_labeller.items()
    ]


def agreement(live: Sequence[Judgment]) -> list[Agreement]:
    """How far people agree about each kind that has right and wrong; none of what nobody gave."""
    labels = [one for one in live if is_label(one)]
    found = []
    for kind in WITH_AGREEMENT:
        said = [
            (item_of(one), one.labeller_id, label)
            for one in labels
            if one.kind == kind and (label := label_of(answer_of(one))) is not None
        ]
        if said:
            given = table(said)
            raw = raw_agreement(given, kind)
            alpha = _rate(krippendorff(given, kind))
            found.append(Agreement(kind, _rate(raw), alpha, raw.reason or ""))
    return found


def guideline_versions(ws: Workspace, live: Sequence[Judgment]) -> list[GuidelineVersion]:
    """Every text people were guided by with what was said under it, those under which nothing was
    said left out."""
    counts = Counter(one.guidelines_hash for one in live if one.guidelines_hash)
    now = ws.config.label.guidelines
    texts = {guidelines_hash(now): now} | guidelines.all(ws.db)
    return [
        GuidelineVersion(hash, text, counts[hash], hash == guidelines_hash(now))
        for hash, text in texts.items()
        if counts[hash]
    ]


def _is_tie(judgment: Judgment) -> bool:
    ranks = judgment.answer.get("ranks", ())
    return judgment.answer.get("choice") == "tie" or len(set(ranks)) < len(ranks)


def _rate(found: Estimate) -> Rate | None:
    if found.value is None:
        return None
    low = found.value if found.low is None else found.low
    return Rate(found.value, low, found.value if found.high is None else found.high, found.n)
