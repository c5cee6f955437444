"""How numbers are written on the page; what was not measured is an en dash."""

import math
from collections.abc import Mapping
from typing import Any

from rather.report.evaluated import Rate

MISSING = "–"
_SPACE = "\N{NO-BREAK SPACE}"


def percent(value: float | None) -> str:
    """Write a share between 0 and 1, for example `82 %`."""
    return MISSING if value is None or not math.isfinite(value) else f"{value * 100:.0f}{_SPACE}%"


def interval(rate: Rate) -> str:
    """Write the 95 % interval of a rate, for example `71–90 %`."""
    return f"{rate.low * 100:.0f}–{rate.high * 100:.0f}{_SPACE}%"


def fixed(value: float | None, digits: int = 2) -> str:
    """Write a number with so many digits after the point and a true minus sign."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def count(value: int) -> str:
    """Write a count with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def flat(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Write nested settings as (dotted path, value) rows in their own order."""
    rows: list[tuple[str, str]] = []
    for key, value in config.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += flat(value, f"{path}.")
        else:
            rows.append((path, _setting(value)))
    return rows


def _setting(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(_setting(item) for item in value) or "none"
    return str(value)
