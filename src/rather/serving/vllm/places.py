"""A bounded queue in front of the server, in which clients take turns."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from rather.serving.backend import QueueFull
from rather.serving.local.turns import Turns


@dataclass(eq=False)
class Place:
    """A completion's place: in the queue, then among those that run, then given back."""

    client: str
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.Future())
    """Done when it may run."""
    is_given_back: bool = False


class Places:
    """So many completions at a time; whoever waits is served as clients' turns come."""

    def __init__(self, most_running: int, most_waiting: int) -> None:
        self.most_running, self.most_waiting = most_running, most_waiting
        self.running = 0
        self._waiting: Turns[Place] = Turns()
        self._of: Counter[str] = Counter()
        """How many of each client's wait."""

    @property
    def waiting(self) -> int:
        """How many have not begun."""
        return len(self._waiting)

    def ask(self, client: str, number: int) -> list[Place]:
        """So many places, to be given back each; QueueFull where that is too much.

        One client has half of the places to wait at most, so that there is always room for another.
        """
        would_wait = max(0, number - (self.most_running - self.running))
        half = -(-self.most_waiting // 2)
        if self.waiting + would_wait > self.most_waiting or self._of[client] + would_wait > half:
            raise QueueFull
        places = [Place(client) for _ in range(number)]
        for place in places:
            self._waiting.add(client, place)
            self._of[client] += 1
        self._fill()
        return places

    def give_back(self, place: Place) -> None:
        """Let a place go, wherever it stands; a second time nothing happens."""
        if place.is_given_back:
            return
        place.is_given_back = True
        if self._waiting.remove(place.client, place):
            self._left_the_queue(place)
        else:
            self.running -= 1
        self._fill()

    def _fill(self) -> None:
        while len(self._waiting) and self.running < self.most_running:
            place = self._waiting.pop()
            self._left_the_queue(place)
            self.running += 1
            if not place.turn.done():  # whoever waited may just be leaving, and gives it back
                place.turn.set_result(None)

    def _left_the_queue(self, place: Place) -> None:
        self._of -= Counter({place.client: 1})  # drops those at zero
