"""Cohen's κ of each two labellers: agreement beyond what their habits alone would give."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from rather.feedback.agreement.estimate import Estimate, not_computable
from rather.feedback.agreement.labels import WRITTEN, Label, Table, shared
from rather.feedback.agreement.resampling import MAX_DRAWS, MIN_DRAWS, MIN_ITEMS, bootstrap
from rather.feedback.agreement.shares import WRITTEN_KINDS
from rather.records import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_DRAWS_IN_ALL = 200_000
"""Resamples of a whole matrix: a hundred labellers have five thousand pairs."""

Cells = tuple[tuple[str, str], ...]
"""What two people said about one item, side by side."""
Matrix = list[list[Estimate | None]]


def kappa_matrix(labels: Table, kind: Kind) -> tuple[list[str], Matrix]:
    """Labellers who share an item with anybody (by id), and κ of each two; None with oneself."""
    judged = shared(labels)
    people = sorted({labeller_id for judges in judged.values() for labeller_id in judges})
    together = _side_by_side(judged)
    draws = max(MIN_DRAWS, min(MAX_DRAWS, MAX_DRAWS_IN_ALL // max(1, len(together))))
    found = {
        pair: not_computable(WRITTEN) if kind in WRITTEN_KINDS else cohen(said, draws)
        for pair, said in together.items()
    }
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
        return not_computable(f"fewer than {MIN_ITEMS} items in common", n)
    values = sorted({value for cells in items for cell in cells for value in cell})
    places = {value: place for place, value in enumerate(values)}
    ordered = sorted(items.items())  # the same resamples in whatever order the items came
    tables = np.zeros((len(items), len(values), len(values)))
    for number, (cells, _) in enumerate(ordered):
        for one, other in cells:
            tables[number, places[one], places[other]] += 1
    times = np.array([number for _, number in ordered])
    found = bootstrap(tables, times, _kappa, max_draws)
    if found.value is None:
        return not_computable("both said one and the same thing everywhere, so nothing varies", n)
    return found


def _side_by_side(judged: Table) -> "dict[tuple[str, str], Counter[Cells]]":
    found: dict[tuple[str, str], Counter[Cells]] = {}
    for judges in judged.values():
        for one, other in combinations(sorted(judges), 2):
            cells = _cells([judges[one], judges[other]])
            found.setdefault((one, other), Counter())[cells] += 1
    return found


def _cells(labels: Sequence[Label]) -> Cells:
    one, other = labels
    return tuple(sorted((one.choices[place], other.choices[place]) for place in one.choices))


def _kappa(tables: "NDArray[Any]") -> "NDArray[Any]":
    """Joint counts [draws, values, values] -> κ [draws]; NaN where chance alone agrees always."""
    import numpy as np

    n = tables.sum((-1, -2))
    observed = tables.trace(axis1=-2, axis2=-1) / n
    expected = (tables.sum(-1) * tables.sum(-2)).sum(-1) / n**2
    is_defined = expected < 1
    beyond = (observed - expected) / np.where(is_defined, 1 - expected, 1)
    return np.where(is_defined, beyond, np.nan)
