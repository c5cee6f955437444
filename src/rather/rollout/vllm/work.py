"""What is to be completed, and what was; shared by all threads that ask servers."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import Any

from rather.errors import EnvironmentFault
from rather.rollout.requests import Sampled
from rather.rollout.vllm.server import Server

SECONDS_BETWEEN_LOOKS = 0.05
MOST_REFUSALS = 3
"""Times a completion may be refused, by any server, before that is no accident."""


def _need_nothing(server: Server) -> None:
    """For what every server has."""


class Work:
    """Completions that are asked of one policy."""

    def __init__(
        self,
        name: str,
        bodies: Sequence[dict[str, Any]],
        prepare: Callable[[Server], None] = _need_nothing,
        ask: Callable[[Server, dict[str, Any]], Sampled] = Server.complete,
    ) -> None:
        """`name`: what tells the policy from others; `prepare` sees to it that a server has it,
        before the server is first asked and after each of its failures; `ask` has it complete
        one body."""
        self.name, self.bodies, self.prepare, self.ask = name, bodies, prepare, ask
        self.fault: Exception | None = None
        self.is_over = threading.Event()
        """Nothing more is to be asked."""
        self._found: dict[int, Sampled] = {}
        self._open: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._refusals = [0] * len(bodies)
        self._tokens = 0
        self._lock = threading.Lock()
        for place in range(len(bodies)):
            self._open.put(place)

    @property
    def num_done(self) -> int:
        """Bodies that have their completion."""
        return len(self._found)

    @property
    def is_done(self) -> bool:
        """Whether every body has."""
        return self.num_done == len(self.bodies)

    def results(self) -> list[Sampled]:
        """The completions, in order, once all are there."""
        return [self._found[place] for place in range(len(self.bodies))]

    def next(self) -> int | None:
        """Something to do; None where there is nothing just now, or never will be."""
        if self.is_over.is_set():  # its weights may be gone from the servers
            return None
        try:
            return self._open.get_nowait()
        except queue.Empty:
            return None

    def done(self, place: int, one: Sampled) -> None:
        """This place is complete."""
        with self._lock:
            self._tokens += len(one.ids)
            self._found[place] = one

    def again(self, place: int, *, is_refused: bool, why: str) -> None:
        """This place has to be done by another, unless it is refused again and again."""
        with self._lock:
            self._refusals[place] += is_refused
            if self._refusals[place] >= MOST_REFUSALS:
                self.fault = EnvironmentFault(f"The vLLM servers refuse a completion ({why}).")
        self._open.put(place)

    def cancel(self) -> None:
        """Nobody wants it any more: whoever waits for it hears so."""
        self.fault = CancelledError("nobody waits for these completions")
        self.is_over.set()

    def take_tokens(self) -> int:
        """Tokens made since the last call."""
        with self._lock:
            tokens, self._tokens = self._tokens, 0
        return tokens
