"""What is taken out of a text before it is stored: addresses, numbers and keys, by pattern.

A text that takes too long is not stored at all: a user's pattern may be one that explodes.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

# Not `re`, whose search cannot be stopped.
import regex

from rather.config.patterns import compiled

MAX_SECONDS = 0.5
"""Of one text and all patterns together."""
OWN = "pattern"
"""What is put in the place of a match of the operator's own patterns."""


class TooSlow(Exception):
    """The patterns did not get through the text in time."""


@dataclass(frozen=True)
class Redacted:
    """A text without what was found in it."""

    text: str
    counts: Mapping[str, int]
    """How many of each kind were taken out; kinds without any are left out."""


def redact(text: str, kinds: Sequence[str], patterns: Sequence[str] = ()) -> Redacted:
    """Put `[kind]` in the place of everything that looks like one, and of the patterns' matches.

    Raises TooSlow where that takes more than MAX_SECONDS.
    """
    until = time.monotonic() + MAX_SECONDS
    counts: Counter[str] = Counter()
    wanted = [(kind, *BUILT_IN[kind]) for kind in BUILT_IN if kind in kinds]
    for name, pattern, is_one in [*wanted, *((OWN, compiled(one), _always) for one in patterns)]:
        replace = partial(_replace, name=name, is_one=is_one, counts=counts)
        try:
            text = pattern.sub(replace, text, timeout=max(0.001, until - time.monotonic()))
        except TimeoutError:
            raise TooSlow(name) from None
    return Redacted(text, dict(counts))


def _replace(match: Any, name: str, is_one: Callable[[str], bool], counts: Counter[str]) -> str:
    found: str = match.group()
    if not is_one(found):
        return found
    counts[name] += 1
    return f"[{name}]"


def _always(found: str) -> bool:
    return True


def _is_card(found: str) -> bool:
    """Luhn's check of a number with 13 to 19 digits."""
    digits = [int(one) for one in found if one.isdigit()]
    if not 13 <= len(digits) <= 19:
        return False
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(found: str) -> bool:
    """ISO 13616: the first four characters moved to the end, A to Z as 10 to 35, it is 1 mod 97."""
    packed = "".join(found.split()).upper()
    moved = packed[4:] + packed[:4]
    return int("".join(str(int(one, 36)) for one in moved)) % 97 == 1


def _is_phone(found: str) -> bool:
    """7 to 15 digits (E.164), and neither a date nor a number of less than a thousand million."""
    digits = [one for one in found if one.isdigit()]
    return 7 <= len(digits) <= 15 and not _OTHER.fullmatch(found)


_OTHER = regex.compile(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}|[1-9]\d?(?:[ .]\d{3}){2}|\d\.\d+"
)
_KEY = r"""(?x)
    -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----.{0,8000}?-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----
  | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}              # JWT
  | \b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}                                       # OpenAI, Stripe
  | \b(?:ghp|gho|ghu|ghs|ghr|github_pat|glpat|hf|xox[abprs])[-_][A-Za-z0-9_-]{16,}
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                              # AWS
  | \bAIza[A-Za-z0-9_-]{35}                                                    # Google
  | (?i:\bbearer\s+)[A-Za-z0-9._~+/-]{20,}=*
  | (?i:\b(?:password|passwd|pwd|secret|api[-_ ]?key|token)\s*[:=]\s*)\S{6,}
"""

BUILT_IN: dict[str, tuple[Any, Callable[[str], bool]]] = {
    "key": (regex.compile(_KEY, regex.DOTALL), _always),
    "email": (
        regex.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}[\p{L}]{2,24}\b"),
        _always,
    ),
    "iban": (regex.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b"), _is_iban),
    "card": (regex.compile(r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)"), _is_card),
    "ip": (
        regex.compile(
            r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"
            r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(?![\w:])"
        ),
        _always,
    ),
    "phone": (
        regex.compile(
            r"(?<![\w+.,:/-])(?:\+\d{1,3}[ .-]?|00\d{1,3}[ .-]?|0)?"
            r"(?:\(\d{1,5}\)[ .-]?)?\d{1,5}(?:[ .-]\d{2,8}){1,5}(?![\w:/-])"
            r"|(?<![\w+])(?:\+|00)\d{7,15}(?!\d)|(?<![\w.,])0\d{8,11}(?![\d.,]\d)"
        ),
        _is_phone,
    ),
}
"""By kind: what it looks like, and whether it is one. In the order in which they are taken out."""
