"""Cohen's κ of each two labellers: agreement beyond what their habits alone would give."""

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any

from rather.feedback.agreement.estimate import Estimate, not_computable
from rather.feedback.agreement.labels import WRITTEN, Label, Table, shared
from rather.feedback.agreement.resampling import (
    MAX_DRAWS,
    MIN_DRAWS,
    MIN_ITEMS,
    SEED,
    bootstrap,
    interval,
)
from rather.feedback.agreement.shares import WRITTEN_KINDS
from rather.records import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

MAX_DRAWS_IN_ALL = 200_000
"""Resamples of a whole matrix: a hundred labellers have five thousand pairs."""
ITEMS_AT_ONCE, PAIRS_AT_ONCE = 5_000, 500
"""So that the tables stay small."""
TOO_FEW = f"fewer than {MIN_ITEMS} items in common"
NOTHING_VARIES = "both said one and the same thing everywhere, so nothing varies"

Cells = tuple[tuple[str, str], ...]
"""What two people said about one item, side by side."""
Matrix = list[list[Estimate | None]]


def kappa_matrix(labels: Table, kind: Kind) -> tuple[list[str], Matrix]:
    """Labellers who share an item with anybody (by id), and κ of each two; None with oneself."""
    judged = shared(labels)
    people = sorted({labeller_id for judges in judged.values() for labeller_id in judges})
    if kind in WRITTEN_KINDS:
        found = dict.fromkeys(combinations(people, 2), not_computable(WRITTEN))
    elif kind == "ranking":
        found = _one_by_one(judged)
    else:
        found = _all_at_once(judged, people)
    nothing = not_computable("they have judged no item in common")
    rows: Matrix = [
        [
            None if one == other else found.get((min(one, other), max(one, other)), nothing)
            for other in people
        ]
        for one in people
    ]
    return people, rows


def cohen(items: "Counter[Cells]", max_draws: int = MAX_DRAWS) -> Estimate:
    """κ of two labellers over the items that both judged.

        κ = (p_o − p_e) / (1 − p_e),   p_o = Σ_v p_vv,   p_e = Σ_v p_v. p_.v

    Cohen 1960, https://doi.org/10.1177/001316446002000104. A ranking counts as the choices between
    every two of its answers.
    """
    import numpy as np  # imported here: the server starts without it

    n = items.total()
    if n < MIN_ITEMS:
        return not_computable(TOO_FEW, n)
    values = sorted({value for cells in items for cell in cells for value in cell})
    places = {value: place for place, value in enumerate(values)}
    ordered = sorted(items.items())  # the same resamples in whatever order the items came
    tables = np.zeros((len(items), len(values), len(values)))
    for number, (cells, _) in enumerate(ordered):
        for one, other in cells:
            tables[number, places[one], places[other]] += 1
    times = np.array([number for _, number in ordered])
    found = bootstrap(tables, times, _kappa, max_draws)
    return not_computable(NOTHING_VARIES, n) if found.value is None else found


def _one_by_one(judged: Table) -> dict[tuple[str, str], Estimate]:
    """Of rankings: one item is several choices, and a resample takes or leaves them together."""
    together: dict[tuple[str, str], Counter[Cells]] = {}
    for judges in judged.values():
        for one, other in combinations(sorted(judges), 2):
            cells = _cells(judges[one], judges[other])
            together.setdefault((one, other), Counter())[cells] += 1
    draws = _draws(len(together))
    return {pair: cohen(items, draws) for pair, items in together.items()}


def _all_at_once(judged: Table, people: list[str]) -> dict[tuple[str, str], Estimate]:
    """Of items that are one choice each: a table of all people, and all resamples together."""
    import numpy as np

    if not judged:
        return {}
    joint = _joint(judged, people)
    pairs = list(combinations(range(len(people)), 2))
    tables = np.array([joint[one, other] for one, other in pairs])
    n = tables.sum((-1, -2)).astype(int)
    enough = np.flatnonzero(n >= MIN_ITEMS)
    found = {
        (people[one], people[other]): not_computable(TOO_FEW, int(n[place]))
        for place, (one, other) in enumerate(pairs)
        if n[place] > 0
    }
    estimates = _estimates(tables[enough], n[enough])
    for place, estimate in zip(enough, estimates, strict=True):
        one, other = pairs[place]
        found[people[one], people[other]] = estimate
    return found


def _joint(judged: Table, people: list[str]) -> "Numbers":
    """[labeller, labeller, value, value]: how often one said this where the other said that."""
    import numpy as np

    said = {choice for judges in judged.values() for one in judges.values() for choice in
            one.choices.values()}  # fmt: skip
    values = {value: place for place, value in enumerate(sorted(said))}
    places = {labeller_id: place for place, labeller_id in enumerate(people)}
    width, height = len(values), len(people)
    total = np.zeros((height * width, height * width))
    items = list(judged.values())
    for start in range(0, len(items), ITEMS_AT_ONCE):
        part = items[start : start + ITEMS_AT_ONCE]
        marks = np.zeros((len(part), height * width), np.float32)
        for row, judges in enumerate(part):
            for labeller_id, label in judges.items():
                (choice,) = label.choices.values()
                marks[row, places[labeller_id] * width + values[choice]] = 1
        total += marks.T @ marks
    return total.reshape(height, width, height, width).transpose(0, 2, 1, 3)


def _estimates(tables: "Numbers", n: "Numbers") -> list[Estimate]:
    """κ of many tables [pairs, values, values] of n items each, with their intervals."""
    import numpy as np

    draws = _draws(len(tables))
    shape, generator = tables.shape[1:], np.random.default_rng(SEED)
    found = []
    for start in range(0, len(tables), PAIRS_AT_ONCE):
        part, size = tables[start : start + PAIRS_AT_ONCE], n[start : start + PAIRS_AT_ONCE]
        shares = part.reshape(len(part), 1, -1) / size[:, None, None]
        drawn = generator.multinomial(size[:, None], shares, size=(len(part), draws))
        resampled = _kappa(drawn.reshape(len(part), draws, *shape))
        found += [
            interval(float(value), int(size[place]), resampled[place])
            for place, value in enumerate(_kappa(part))
        ]
    return [not_computable(NOTHING_VARIES, one.n) if one.value is None else one for one in found]


def _draws(num_pairs: int) -> int:
    return max(MIN_DRAWS, min(MAX_DRAWS, MAX_DRAWS_IN_ALL // max(1, num_pairs)))


def _cells(one: Label, other: Label) -> Cells:
    return tuple(sorted((one.choices[place], other.choices[place]) for place in one.choices))


def _kappa(tables: "Numbers") -> "Numbers":
    """Joint counts [..., values, values] -> κ [...]; NaN where chance alone agrees always."""
    import numpy as np

    n = tables.sum((-1, -2))
    observed = tables.trace(axis1=-2, axis2=-1) / n
    expected = (tables.sum(-1) * tables.sum(-2)).sum(-1) / n**2
    is_defined = expected < 1
    beyond = (observed - expected) / np.where(is_defined, 1 - expected, 1)
    return np.where(is_defined, beyond, np.nan)
