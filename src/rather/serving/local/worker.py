"""Keeps a thread at work on an engine, and puts another in its place when it breaks or hangs.

Requests whose answers were begun end with a sentence for their clients; all others wait for the
next thread. When too many were needed in a time, there is none any more: whatever is wrong is not
mended by beginning anew, and the process had better end.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from rather.rollout.local import LocalEngine
from rather.serving.local.admission import AdapterRead
from rather.serving.local.desk import Action, Desk, nothing
from rather.serving.local.jobs import Job
from rather.serving.local.shift import Shift, Tools

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before the next thread begins: doubled each time, until one has done a step."""
LONGEST_LOOK = 1.0
"""Seconds between two looks at the thread, at most."""
ENDED = "The server ended before this was done."
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """When a thread is given up, and when all of them are."""

    stuck_s: float
    """It counts as stuck when it is at one thing for longer."""
    hang_s: float
    """It is given up when it is at one thing for longer."""
    most_restarts: int
    """So many others may be put in its place within the window."""
    window_s: float


class Worker:
    """Does jobs, and whatever else an engine is asked, in a thread of its own."""

    def __init__(self, make_tools: Callable[[], Tools], desk: Desk, limits: Limits) -> None:
        """`make_tools` is called for each thread."""
        self._make_tools, self.desk, self._limits = make_tools, desk, limits
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._keep_watch, name="rather-watch", daemon=True)
        self._shift = Shift(desk, make_tools, self._broke)
        self._pause = 0.0
        self._given_up: deque[float] = deque(maxlen=limits.most_restarts + 1)
        """When threads were given up, the last ones."""
        self._before = [0, 0]
        """Tokens and steps of the threads before."""
        self.why_over: str | None = None
        """Why no thread is put in the place of the last one."""
        self.num_crashes = self.num_hangs = self.num_restarts = 0

    def start(self) -> None:
        """Make the first engine, and begin to work."""
        self._shift.prepare()
        self._shift.thread.start()
        self._watch.start()

    def stop(self) -> None:
        """End after the step that is under way; whoever waits for one that hangs is told."""
        with self.desk.lock:
            self._ended.set()  # no other thread is put in its place from here on
            self._shift.end()
        self._shift.thread.join(timeout=self._limits.stuck_s)
        with self.desk.lock:
            self._shift.relieve(ENDED)
            self.desk.close(ENDED)

    def is_healthy(self) -> bool:
        """Whether the thread is at work, or would be."""
        shift = self._shift
        return shift.is_at_work and shift.seconds_busy <= self._limits.stuck_s

    @property
    def engine(self) -> LocalEngine | None:
        """What the thread works with, for a look from outside; None while that is being made."""
        tools = self._shift.tools
        return None if tools is None else tools.engine

    @property
    def num_rows(self) -> int:
        """Completions that are being made."""
        return 0 if self.engine is None else self.engine.num_rows

    @property
    def num_tokens(self) -> int:
        """Tokens that were made."""
        return self._before[0] + self._shift.num_tokens

    @property
    def num_steps(self) -> int:
        """Steps that were done."""
        return self._before[1] + self._shift.num_steps

    def call(
        self, action: Callable[[LocalEngine], T], then: Callable[[], None] = nothing
    ) -> "Future[T]":
        """Do something between two steps; the future has what came of it, `then` is done before.

        EngineDown where the thread is given up meanwhile.
        """
        return self.desk.ask(Action(action, then))

    def attach(self, adapters: Sequence[AdapterRead]) -> "Future[None]":
        """Give the engine adapters, and those that come after it."""

        def put_on(engine: LocalEngine) -> None:
            for one in adapters:
                engine.backbone.attach_adapter(one.name, one.shape, one.weights)

        named = {one.name: one for one in adapters}
        return self.call(put_on, lambda: self.desk.attached.update(named))

    def detach(self, names: Sequence[str]) -> "Future[None]":
        """Take adapters from it, and all that it remembers of them."""
        with self.desk.lock:
            for name in names:
                self.desk.attached.pop(name, None)

        def take_off(engine: LocalEngine) -> None:
            for name in names:
                engine.forget(name)
                if name in engine.backbone.shapes:  # an engine that came since never had it
                    engine.backbone.remove_adapter(name)

        return self.call(take_off)

    def take(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self.desk.take(job)

    def cancel(self, job: Job) -> None:
        """Let a job go before the next token."""
        self.desk.cancel(job)

    def abort(self) -> "Future[None]":
        """End every job, and say so to whoever waits."""

        def end_all(_: LocalEngine) -> None:
            with self.desk.lock:
                for job in [*self.desk.running, *self.desk.drained()]:
                    job.abort(self._shift.post)

        return self.call(end_all)

    def _keep_watch(self) -> None:
        """Look at the thread from time to time: whether it hangs, or is not there any more."""
        pause = min(LONGEST_LOOK, self._limits.hang_s / 10)
        last = time.monotonic()
        while not self._ended.wait(pause):
            with self.desk.lock:
                shift, now = self._shift, time.monotonic()
                # whoever looks so late stood still too: the process was stopped, or its machine
                if (late := now - last - pause) > LONGEST_LOOK:
                    shift.excuse(late)
                last = now
                if shift.is_missing:
                    LOG.error("the engine's thread has ended; it begins anew")
                elif shift.seconds_busy > self._limits.hang_s:
                    LOG.error("the engine hangs; what ran is lost, and it begins anew")
                else:
                    continue
                self.num_hangs += 1
                self._replace(shift, "The engine hung while it made this answer; try again.")

    def _broke(self, shift: Shift, error: Exception) -> None:
        """Of the thread itself."""
        with self.desk.lock:
            if shift is self._shift:
                LOG.error("the engine broke; what ran is lost, and it begins anew", exc_info=error)
                self.num_crashes += 1
                self._replace(shift, "The engine broke while it made this answer; try again.")

    def _replace(self, shift: Shift, sentence: str) -> None:
        """Put another thread in a thread's place, unless that was done too often."""
        shift.relieve(sentence)
        if self._ended.is_set():
            return
        self._given_up.append(time.monotonic())
        seconds, most = self._given_up[-1] - self._given_up[0], self._limits.most_restarts
        if len(self._given_up) > most and seconds <= self._limits.window_s:
            self.why_over = (
                f"The engine broke or hung {most + 1} times in {seconds:.0f} s; the server's log "
                "says how."
            )
            self.desk.close(self.why_over)
            return
        self._pause = max(FIRST_PAUSE, 2 * self._pause) if not shift.num_steps else FIRST_PAUSE
        self._pause = min(LONGEST_PAUSE, self._pause)
        self._before = [self.num_tokens, self.num_steps]
        self.num_restarts += 1
        self._shift = Shift(self.desk, self._make_tools, self._broke, self._pause)
        self._shift.thread.start()
