"""The items that are open, by how many people have them, so that finding one costs no search."""

import zlib
from collections.abc import Callable, Iterator

from rather.feedback.assignment import Item

NUM_PROBES = 32
"""Random looks into a bucket before all buckets are searched through."""


class Bucket:
    """A set of names with an order, so that one can be drawn."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._places: dict[str, int] = {}

    def add(self, name: str) -> None:
        """Put it in; it must not be there."""
        self._places[name] = len(self._names)
        self._names.append(name)

    def remove(self, name: str) -> None:
        """Take it out; the last one fills its place."""
        place, last = self._places.pop(name), self._names.pop()
        if last != name:
            self._names[place] = last
            self._places[last] = place

    def probes(self, seed: str) -> Iterator[str]:
        """A few of them: all where there are few, else drawn."""
        if len(self._names) <= NUM_PROBES:
            yield from self.all(seed)
            return
        for number in range(NUM_PROBES):
            yield self._names[zlib.crc32(f"{seed}:{number}".encode()) % len(self._names)]

    def all(self, seed: str) -> Iterator[str]:
        """Every one, from a drawn place on."""
        if self._names:
            start = zlib.crc32(seed.encode()) % len(self._names)
            yield from self._names[start:]
            yield from self._names[:start]

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._places


class Pool:
    """Everything that can be asked, and what of it is open."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self._buckets: dict[int, Bucket] = {}
        self._begun = Bucket()
        self._awaited = Bucket()
        self._where: dict[str, tuple[int, bool]] = {}

    @property
    def num_open(self) -> int:
        """Items that somebody may still be asked."""
        return len(self._where)

    def is_open(self, name: str) -> bool:
        """Whether somebody may still be asked it."""
        return name in self._where

    def open(self, name: str, num_people: int, is_begun: bool) -> None:
        """Offer an item that so many people have; `is_begun`: a shared one that waits for more."""
        if self._where.get(name) == (num_people, is_begun):
            return
        self.close(name)
        self._where[name] = (num_people, is_begun)
        self._buckets.setdefault(num_people, Bucket()).add(name)
        if is_begun:
            self._begun.add(name)
        if self.items[name].is_awaited:
            self._awaited.add(name)

    def close(self, name: str) -> None:
        """Offer it nobody any more."""
        if name in self._where:
            num_people, is_begun = self._where.pop(name)
            self._buckets[num_people].remove(name)
            if is_begun:
                self._begun.remove(name)
            if name in self._awaited:
                self._awaited.remove(name)

    def pick(self, seed: str, is_free: Callable[[str], bool], begun_first: bool) -> Item | None:
        """An open item that is free for somebody, of those that fewest people have.

        With `begun_first`, a shared one that others have begun comes before them; what somebody
        waits for comes before all.
        """
        buckets = [self._buckets[number] for number in sorted(self._buckets)]
        if begun_first:
            buckets.insert(0, self._begun)
        buckets.insert(0, self._awaited)
        for names in (
            *(bucket.probes(seed) for bucket in buckets),
            *(bucket.all(seed) for bucket in buckets),
        ):
            for name in names:
                if is_free(name):
                    return self.items[name]
        return None
