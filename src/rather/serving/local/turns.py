"""Who comes next: clients take turns, so that one with many requests delays its own."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Waiting things in the order of each client's own, one client after the other."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def add(self, client: str, thing: T) -> None:
        """The last of that client's."""
        self._of.setdefault(client, deque()).append(thing)

    def put_back(self, client: str, thing: T) -> None:
        """The first of that client's again; its client is the first, too."""
        self._of.setdefault(client, deque()).appendleft(thing)
        self._of.move_to_end(client, last=False)

    def first(self) -> T | None:
        """Whose turn it is; None where nothing waits."""
        return next((things[0] for things in self._of.values()), None)

    def pop(self) -> T:
        """Take `first` out; its client comes after all others then."""
        client, things = next(iter(self._of.items()))
        thing = things.popleft()
        if things:
            self._of.move_to_end(client)
        else:
            del self._of[client]
        return thing

    def remove(self, client: str, thing: T) -> bool:
        """Take something out that waits; whether it did."""
        things = self._of.get(client, deque())
        if thing not in things:
            return False
        things.remove(thing)
        if not things:
            del self._of[client]
        return True
