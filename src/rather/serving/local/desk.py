"""What an engine is to do and what is under way, whoever works on it: nothing of it is in a thread.

Everything here holds the lock, and nobody holds it for long: steps are done without it.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from rather.rollout.local import LocalEngine
from rather.serving.backend import EngineDown, Piece
from rather.serving.local.admission import AdapterRead
from rather.serving.local.jobs import Job
from rather.serving.local.turns import Turns

Letter = tuple[Job, Piece | EngineDown]


def nothing() -> None:
    """Do nothing."""


@dataclass(eq=False)
class Action:
    """Something that is done with the engine between two steps."""

    do: Callable[[LocalEngine], Any]
    then: Callable[[], None] = nothing
    """Done before the future is, where it went well."""
    future: "Future[Any]" = field(default_factory=Future)


class Desk:
    """Jobs that wait, jobs that run, and actions; `lock` is notified of all that comes."""

    def __init__(self, deliver: Callable[[Sequence[Letter]], None]) -> None:
        """`deliver` sends what was made to those who wait for it; it must not wait itself."""
        self.deliver = deliver
        self.lock = threading.Condition()
        self.waiting: Turns[Job] = Turns()
        self.running: list[Job] = []
        self.actions: deque[Action] = deque()
        self.attached: dict[str, AdapterRead] = {}
        """Adapters that every engine is to have."""
        self.refusal: str | None = None
        """Why nothing is taken any more."""

    def ask(self, action: Action) -> "Future[Any]":
        """Have something done between two steps; EngineDown where that cannot be."""
        with self.lock:
            if self.refusal is None:
                self.actions.append(action)
                self.lock.notify_all()
            else:
                action.future.set_exception(EngineDown(self.refusal))
        return action.future

    def take(self, job: Job) -> None:
        """Let a job wait for its turn."""
        with self.lock:
            if self.refusal is None:
                self.waiting.add(job.wish.client, job)
                self.lock.notify_all()
            else:
                self.deliver([(job, EngineDown(self.refusal))])

    def cancel(self, job: Job) -> None:
        """Let a job go before the next token: nobody waits for it."""
        with self.lock:
            if not self.waiting.remove(job.wish.client, job):
                job.cancel()

    def take_back(self, sentence: str) -> None:
        """What ran is lost: tell those whose answers were begun; the others wait again."""
        with self.lock:
            lost = [job for job in self.running if job.is_lost]
            for job in reversed(self.running):
                if not job.is_lost:
                    self.waiting.put_back(job.wish.client, job)
                job.cancel()
            self.running = []
            self.deliver([(job, EngineDown(sentence)) for job in lost])

    def close(self, sentence: str) -> None:
        """Take nothing any more, and tell those who wait that their turn will not come."""
        with self.lock:
            self.refusal = sentence
            while (action := self.next_action()) is not None:
                action.future.set_exception(EngineDown(sentence))
            self.deliver([(job, EngineDown(sentence)) for job in self.drained()])

    def next_action(self) -> Action | None:
        """What is to be done next; nobody can call it off any more."""
        with self.lock:
            while self.actions:
                action = self.actions.popleft()
                if action.future.set_running_or_notify_cancel():
                    return action
            return None

    def drained(self) -> list[Job]:
        """All jobs that wait, which do so no longer."""
        with self.lock:
            waiting = []
            while len(self.waiting):
                waiting.append(self.waiting.pop())
            return waiting
