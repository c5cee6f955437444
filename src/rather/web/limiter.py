"""How often somebody may fail: a bucket of tries for each address, filled again with time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_KEYS = 4096
"""Addresses remembered; the one that failed longest ago is forgotten first."""


@dataclass
class _Bucket:
    level: float
    filled_at: float


class Tries:
    """So many failures at once, and one more for every few seconds of waiting."""

    def __init__(
        self, capacity: int, seconds_each: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._capacity = capacity
        self._seconds_each = seconds_each
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def seconds_to_wait(self, key: str) -> float:
        """How long until that key may try again; 0 where it may now."""
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                return 0.0
            self._fill(bucket)
            return max(0.0, (1.0 - bucket.level) * self._seconds_each)

    def failed(self, key: str) -> None:
        """One try of that key came to nothing."""
        with self._lock:
            full = _Bucket(float(self._capacity), self._clock())
            bucket = self._buckets.setdefault(key, full)
            self._fill(bucket)
            bucket.level = max(0.0, bucket.level - 1.0)
            self._buckets.move_to_end(key)
            if len(self._buckets) > MAX_KEYS:
                self._buckets.popitem(last=False)

    def _fill(self, bucket: _Bucket) -> None:
        now = self._clock()
        gained = (now - bucket.filled_at) / self._seconds_each
        bucket.level = min(float(self._capacity), bucket.level + gained)
        bucket.filled_at = now
