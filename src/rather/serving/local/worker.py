"""The one thread that owns the engine: it takes commands between two steps, and never waits in one.

A step that raises ends what ran, with a sentence for its clients, and work goes on with a new
engine after a pause that doubles; a step that hangs shows in `is_healthy`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from rather.rollout.engine import Engine
from rather.rollout.padded import PaddedEngine
from rather.serving.backend import EngineDown
from rather.serving.local.jobs import Job
from rather.serving.local.turns import Turns

T = TypeVar("T")
PROMPT_TOKENS_A_STEP = 1024
"""Prompt tokens that may join at one step: whoever streams waits for them."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before work goes on after a step that raised."""
LOG = logging.getLogger(__name__)


class Worker:
    """Runs an engine in a thread of its own."""

    def __init__(
        self,
        make_engine: Callable[[], Engine | PaddedEngine],
        flush: Callable[[], None],
        watchdog_s: float,
    ) -> None:
        """`flush` is called after each step: what was posted meanwhile can go out."""
        self._make_engine, self._flush, self._watchdog_s = make_engine, flush, watchdog_s
        self._thread = threading.Thread(target=self._work, name="rather-engine", daemon=True)
        self._wake = threading.Condition()
        self._commands: deque[Callable[[], None]] = deque()
        self._is_ending = False
        self._busy_since: float | None = None
        self._pause = 0.0
        self._is_pausing = False
        self._waiting: Turns[Job] = Turns()
        self._running: list[Job] = []
        self.num_tokens = self.num_steps = self.num_crashes = 0

    def start(self) -> None:
        """Make the engine, and begin to work."""
        self._engine = self._make_engine()
        self._engine.prepare()
        self._thread.start()

    def stop(self) -> None:
        """End after the step that is under way; returns when it has, or hangs."""
        with self._wake:
            self._is_ending = True
            self._wake.notify()
        self._thread.join(timeout=self._watchdog_s)

    def is_healthy(self) -> bool:
        """Whether the thread is at work, or would be."""
        since = self._busy_since
        is_stuck = since is not None and time.monotonic() - since > self._watchdog_s
        return self._thread.is_alive() and not self._is_pausing and not is_stuck

    @property
    def num_waiting(self) -> int:
        """Requests that have not begun."""
        return len(self._waiting)

    @property
    def num_rows(self) -> int:
        """Completions that are being made."""
        return self._engine.num_rows

    def call(self, action: Callable[[], T]) -> "Future[T]":
        """Do something between two steps; the future has what came of it."""
        future: Future[T] = Future()

        def act() -> None:
            try:
                future.set_result(action())
            except Exception as error:
                future.set_exception(error)

        self._tell(act)
        return future

    def take(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self._tell(lambda: self._waiting.add(job.wish.client, job))

    def cancel(self, job: Job) -> None:
        """Let a job go before the next token."""

        def act() -> None:
            if not self._waiting.remove(job.wish.client, job):
                job.cancel()

        self._tell(act)

    def abort(self) -> None:
        """End every job, and say so to whoever waits."""

        def act() -> None:
            for job in [*self._running, *self._drained()]:
                job.abort()

        self._tell(act)

    def _tell(self, command: Callable[[], None]) -> None:
        with self._wake:
            self._commands.append(command)
            self._wake.notify()

    def _work(self) -> None:
        while (commands := self._next_commands()) or not self._is_ending:
            self._busy_since = time.monotonic()
            try:
                for command in commands:
                    command()
                self._admit()
                if not self._engine.is_idle:
                    self.num_tokens += self._engine.step()
                    self.num_steps += 1
                    self._pause = 0.0
                self._running = [job for job in self._running if not job.is_done]
            except Exception as error:
                self._break_off(error)
            self._flush()

    def _next_commands(self) -> list[Callable[[], None]]:
        """What is to be done before the next step; waits while there is no work at all."""
        with self._wake:
            self._busy_since = None
            while not (self._commands or self._is_ending or self._has_work()):
                self._wake.wait()
            commands = list(self._commands)
            self._commands.clear()
            return commands

    def _has_work(self) -> bool:
        return bool(len(self._waiting)) or not self._engine.is_idle

    def _admit(self) -> None:
        """Let jobs join whose turn it is, as many as there is room for."""
        prompt_tokens = 0
        while (job := self._waiting.first()) is not None:
            prompt_tokens += len(job.wish.prompt_ids)
            is_much = prompt_tokens > PROMPT_TOKENS_A_STEP and prompt_tokens > len(
                job.wish.prompt_ids
            )
            if is_much or not self._engine.has_room(job.num_rows, job.span):
                return
            self._running.append(self._waiting.pop())
            job.begin(self._engine)

    def _drained(self) -> list[Job]:
        waiting = []
        while len(self._waiting):
            waiting.append(self._waiting.pop())
        return waiting

    def _break_off(self, error: Exception) -> None:
        """Tell everybody, and begin anew after a pause."""
        LOG.error("the engine broke; what ran is lost, and it begins anew", exc_info=error)
        self.num_crashes += 1
        sentence = "The engine broke while it made this answer; try again."
        for job in [*self._running, *self._drained()]:
            job.post(job, EngineDown(sentence))
        self._running = []
        self._flush()
        self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._pause))
        self._engine = self._make_engine()
        self._is_pausing = True
        with self._wake:
            self._wake.wait_for(lambda: self._is_ending, timeout=self._pause)
        self._is_pausing = False
