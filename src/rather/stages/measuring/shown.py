"""An evaluation in columns, for a terminal: each win rate beside what it may have cost."""

from collections.abc import Mapping
from typing import Any

from rather.report.evaluated import JUDGES, Rate
from rather.report.format import MISSING, fixed, interval, percent

NUMBERS = (
    ("kl", "KL", 1),
    ("mean_length", "tokens", 1),
    ("eos_rate", "ends", None),
    ("distinct_2", "distinct-2", 2),
    ("refusal_rate", "refuses", None),
    ("repetitive_rate", "repeats", None),
    ("base_perplexity", "perplexity", 1),
)
"""Key, heading, and digits; None is a share."""


def as_table(result: Mapping[str, Any]) -> str:
    """A row a model; below each win rate stands the one at equal length."""
    models = result["models"]
    judges = [one for one in JUDGES if any(one in m["win_rates"] for m in models.values())]
    heads = ["model", *(f"by {JUDGES[judge]}" for judge in judges)]
    rows = [[*heads, *(heading for _, heading, _ in NUMBERS)]]
    for name, one in models.items():
        rates = [_rate(one["win_rates"].get(judge)) for judge in judges]
        rows.append([name, *rates, *(_number(one[key], digits) for key, _, digits in NUMBERS)])
        if one["length_controlled"]:
            controlled = [_rate(one["length_controlled"].get(judge)) for judge in judges]
            rows.append(["  at equal length", *controlled, *([""] * len(NUMBERS))])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _rate(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return MISSING
    rate = Rate(**found)
    return f"{percent(rate.value)} ({interval(rate)})"


def _number(value: float | None, digits: int | None) -> str:
    return percent(value) if digits is None else fixed(value, digits)
