"""How many requests may wait, and how many of them one client's."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rather.serving.backend import QueueFull


class WaitingRoom:
    """Places for those that have not begun; lives on the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: Counter[str] = Counter()

    @property
    def num_waiting(self) -> int:
        """Places that are taken."""
        return self._waiting.total()

    @contextmanager
    def place(self, client: str) -> Iterator[Callable[[], None]]:
        """A place, given back when `begun` is called, or at the end; QueueFull where there is none.

        One client has half of the places at most, so that there is always room for another.
        """
        if self.num_waiting >= self._most or self._waiting[client] >= -(-self._most // 2):
            raise QueueFull
        self._waiting[client] += 1
        is_waiting = True

        def begun() -> None:
            nonlocal is_waiting
            if is_waiting:
                is_waiting = False
                self._waiting -= Counter({client: 1})  # drops those at zero

        try:
            yield begun
        finally:
            begun()
