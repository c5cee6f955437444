"""How a judgment is made: a time-sortable id, the moment, and what it says."""

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from rather.feedback.answer import Answer
from rather.records import Judgment, Labeller, Source

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


class _Ulids:
    """48 bits of milliseconds and 80 of chance, ever growing even when the clock is set back."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> str:
        now = time.time_ns() // 1_000_000
        with self._lock:
            drawn = now << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
            self._last = drawn if drawn > self._last else self._last + 1
            value = self._last
        return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


_ULIDS = _Ulids()


def new_id() -> str:
    """A ULID: 26 characters that sort in the order in which this process made them."""
    return _ULIDS.next()


def guidelines_hash(text: str) -> str:
    """What is stored with a judgment to tell which version of the guidelines was shown."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Circumstances:
    """Under which a judgment was given; what is not said stays at its default."""

    source: Source = "label"
    idempotency_key: str | None = None
    """None: the judgment's own id, so it is never taken for a replay."""
    guidelines_hash: str = ""
    ms_to_decision: int | None = None
    supersedes: str | None = None
    """The event that this one replaces."""
    is_retraction: bool = False
    comment: str = ""
    has_consent: bool = True


def new_judgment(
    prompt_id: str,
    labeller: Labeller,
    answer: Answer,
    circumstances: Circumstances | None = None,
) -> Judgment:
    """A judgment given now; nothing is stored."""
    given = circumstances or Circumstances()
    id = new_id()
    return Judgment(
        id=id,
        kind=answer.kind,
        prompt_id=prompt_id,
        labeller_id=labeller.id,
        answer=answer.to_answer(),
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        idempotency_key=given.idempotency_key or id,
        is_simulated=labeller.is_simulated,
        source=given.source,
        guidelines_hash=given.guidelines_hash,
        ms_to_decision=given.ms_to_decision,
        supersedes=given.supersedes,
        is_retraction=given.is_retraction,
        comment=given.comment,
        has_consent=given.has_consent,
    )
