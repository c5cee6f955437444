"""Whether a round's policy takes the place of the one before: from its win rates against that."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from rather.evaluation.statistics import TRUST

Rates = Mapping[str, Mapping[str, Any]]
"""By who measured: value, low and high of a win rate."""


class Decision(NamedTuple):
    """How a round ends."""

    status: Literal["promoted", "rolled_back", "unchanged"]
    policy: str
    why: str


def decide(
    rule: Literal["not_worse", "better", "always"], start: str, candidates: Mapping[str, Rates]
) -> Decision:
    """The policy after a round that began from `start` and made these, with their win rates.

    Of several the one that wins most often is considered, among those measured by the most
    trustworthy scorer that measured any.
    """
    if not candidates:
        return Decision("unchanged", start, f"nothing was tuned, so {start} stays.")
    scorer = next((one for one in TRUST if any(one in r for r in candidates.values())), None)
    if scorer is None:
        newest = list(candidates)[-1]
        return Decision("promoted", newest, f"{newest} was not compared with {start}.")
    measured = {name: rates[scorer] for name, rates in candidates.items() if scorer in rates}
    best = max(measured, key=lambda name: measured[name]["value"])
    rate = measured[best]
    said = (
        f"{best} beats {start} in {rate['value']:.0%} [{rate['low']:.0%}, {rate['high']:.0%}] "
        f"by {_spelt(scorer)}"
    )
    is_better, is_worse = rate["low"] > 0.5, rate["high"] < 0.5
    if is_better or rule == "always" or (rule == "not_worse" and not is_worse):
        surely = "" if is_better else ", which is " + ("worse" if is_worse else "not surely better")
        return Decision("promoted", best, f"{said}{surely}.")
    verdict = "worse" if is_worse else "not surely better"
    return Decision("rolled_back", start, f"{said}, which is {verdict}; {start} stays.")


def _spelt(scorer: str) -> str:
    names = {"human": "people", "gold": "the gold score", "reward": "the reward it was tuned on"}
    return names.get(scorer, f"the {scorer}")
