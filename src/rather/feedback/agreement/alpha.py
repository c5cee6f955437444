"""Krippendorff's α: agreement beyond chance, for any number of judges an item.

Ours, because the package of that name is under the GPL, and because an interval over items needs
the sums by item.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rather.feedback.agreement.estimate import Estimate, not_computable
from rather.feedback.agreement.labels import WRITTEN, Label, Table, shared, why_none
from rather.feedback.agreement.resampling import MIN_ITEMS, bootstrap
from rather.feedback.agreement.shares import WRITTEN_KINDS
from rather.records import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

Level = Literal["nominal", "ordinal"]
Unit = tuple[Hashable, ...]
"""What the judges said about one thing, sorted."""
Item = tuple[Unit, ...]


def krippendorff(labels: Table, kind: Kind) -> Estimate:
    """α between people: of choices nominal, of rankings ordinal on the rank of every answer."""
    if kind in WRITTEN_KINDS:
        return not_computable(WRITTEN)
    judged = shared(labels)
    if not judged:
        return not_computable(why_none(labels))
    items = [_item(list(judges.values()), kind) for judges in judged.values()]
    return alpha_of(items, "ordinal" if kind == "ranking" else "nominal")


def alpha_of(items: Sequence[Item], level: Level) -> Estimate:
    """α of items, each of one unit or more, each unit the values its judges gave.

        α = 1 − D_o / D_e,   D_o = Σ_ck o_ck δ²_ck / n,   D_e = Σ_ck n_c n_k δ²_ck / (n (n − 1))
        o_ck = Σ_u (number of c–k pairs in u) / (m_u − 1),   n_c = Σ_k o_ck,   n = Σ_c n_c
        δ²_ck = [c ≠ k] (nominal),   (Σ_{g=c..k} n_g − (n_c + n_k) / 2)² (ordinal)

    Units with fewer than two values count for nothing. Krippendorff 2011, Computing
    Krippendorff's alpha-reliability, https://repository.upenn.edu/asc_papers/43.
    """
    import numpy as np  # imported here: the server starts without it

    patterns = Counter(tuple(sorted(unit for unit in item if len(unit) > 1)) for item in items)
    patterns.pop((), None)
    n = patterns.total()
    if n < MIN_ITEMS:
        return not_computable(f"fewer than {MIN_ITEMS} items were judged by two people", n)
    places = {value: place for place, value in enumerate(_values(patterns))}
    if len(places) == 1:
        return not_computable("everybody said the same everywhere, so nothing varies", n)
    ordered = sorted(patterns.items())  # the same resamples in whatever order the items came
    tables = np.array([_coincidences(item, places) for item, _ in ordered])
    times = np.array([number for _, number in ordered])
    return bootstrap(tables, times, lambda sums: _alpha(sums, level))


def _item(judges: Sequence[Label], kind: Kind) -> Item:
    if kind == "ranking":
        units = [[label.ranks[id] for label in judges] for id in judges[0].ranks]
        return tuple(tuple(sorted(unit)) for unit in units)
    return (tuple(sorted(choice for label in judges for choice in label.choices.values())),)


def _values(items: "Counter[Item]") -> list[Any]:
    return sorted({value for item in items for unit in item for value in unit})


def _coincidences(item: Item, places: dict[Any, int]) -> "NDArray[Any]":
    import numpy as np

    table = np.zeros((len(places), len(places)))
    for unit in item:
        counts = np.bincount([places[value] for value in unit], minlength=len(places))
        table += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    return table


def _alpha(tables: "NDArray[Any]", level: Level) -> "NDArray[Any]":
    """Coincidences [draws, values, values] -> α [draws]; NaN where only one value is left."""
    import numpy as np

    margins = tables.sum(-1)
    n = margins.sum(-1)
    if level == "nominal":
        squares = np.ones_like(tables) - np.eye(tables.shape[-1])
    else:
        # The sum of the definition telescopes: the gap between the middles of two values.
        middles = margins.cumsum(-1) - margins / 2
        squares = (middles[:, :, None] - middles[:, None, :]) ** 2
    observed = (tables * squares).sum((-1, -2)) / n
    expected = (margins[:, :, None] * margins[:, None, :] * squares).sum((-1, -2)) / (n * (n - 1))
    is_defined = expected > 0
    return np.where(is_defined, 1 - observed / np.where(is_defined, expected, 1), np.nan)
