"""A bounded queue in front of the server, in which clients take turns."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rather.serving.backend import QueueFull


class Turns:
    """So many at a time; the next one is of the client that has waited longest for a turn."""

    def __init__(self, most_running: int, most_waiting: int) -> None:
        self.most_running, self.most_waiting = most_running, most_waiting
        self.running = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By client; the first client is the next, and goes to the end then."""

    @property
    def waiting(self) -> int:
        """How many have not begun."""
        return sum(map(len, self._waiting.values()))

    def require_room(self, number: int) -> None:
        """Raise QueueFull where so many more would be too many."""
        if self.running + self.waiting + number > self.most_running + self.most_waiting:
            raise QueueFull

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for a turn; it ends with the block."""
        if self.running < self.most_running:
            self.running += 1
        else:
            await self._wait(client)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, client: str) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                self._forget(client, mine)
            else:
                self._pass_on()  # the turn came in the moment it was given up
            raise

    def _forget(self, client: str, mine: asyncio.Future[None]) -> None:
        own = self._waiting.get(client, deque())
        if mine in own:
            own.remove(mine)
            if not own:
                del self._waiting[client]

    def _pass_on(self) -> None:
        """Give a turn that ended to the next, or to nobody."""
        while self._waiting:
            client = next(iter(self._waiting))
            own = self._waiting.pop(client)
            following = own.popleft()
            if own:
                self._waiting[client] = own
            if not following.done():  # a wait that is being cancelled has not left the queue yet
                following.set_result(None)
                return
        self.running -= 1
