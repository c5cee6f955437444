"""Agreement as plain shares: how often two people say the same, and what that allows a model."""

from collections import Counter
from collections.abc import Collection, Iterable

from rather.feedback.agreement.estimate import Estimate, not_computable, share
from rather.feedback.agreement.labels import WRITTEN, Table, shared, why_none
from rather.records import Kind

DECIDED = frozenset({"first", "second", "good", "bad"})
WRITTEN_KINDS: frozenset[Kind] = frozenset({"demonstration", "correction"})


def raw_agreement(labels: Table, kind: Kind) -> Estimate:
    """The share of the pairs of judges who say the same, averaged over items.

        A = (1 / N) Σ_i  Σ_v n_iv (n_iv − 1) / (n_i (n_i − 1))

    n_iv of the n_i judges of item i said v. A ranking counts as the choices between every two of
    its answers, averaged over those. (P-bar in Fleiss 1971, https://doi.org/10.1037/h0031619, for
    any number of judges an item.)
    """
    return _averaged(labels, kind, None, why_none(labels))


def ceiling(labels: Table, kind: Kind) -> Estimate:
    """How often one person's decided choice is another person's: what a reward model can reach.

    As raw agreement, of the judges alone who chose one of the two answers (ties and both_bad left
    out). A model scored on single judgments agrees with people no more often than they with each
    other, unless it foretells the majority where they differ.
    """
    reason = why_none(labels)
    if shared(labels):
        reason = "no item was decided by two people"
    return _averaged(labels, kind, DECIDED, reason)


def _averaged(labels: Table, kind: Kind, counted: Collection[str] | None, none: str) -> Estimate:
    if kind in WRITTEN_KINDS:
        return not_computable(WRITTEN)
    found = []
    for judges in shared(labels).values():
        spoken: dict[str, list[str]] = {}
        for label in judges.values():
            for place, choice in label.choices.items():
                if counted is None or choice in counted:
                    spoken.setdefault(place, []).append(choice)
        units = [_same(choices) for choices in spoken.values() if len(choices) > 1]
        if units:
            found.append(sum(units) / len(units))
    return share(sum(found), len(found), none)


def _same(choices: Iterable[str]) -> float:
    """The share of the pairs of judges who say the same about one thing."""
    counts = Counter(choices)
    n = counts.total()
    return sum(count * (count - 1) for count in counts.values()) / (n * (n - 1))
