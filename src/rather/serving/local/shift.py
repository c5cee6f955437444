"""One thread at work on one engine, from its making until it breaks, hangs or is told to end.

It takes what is to be done from the desk under the lock, and does it without: one that hangs holds
nothing. A thread cannot be ended from outside. One that is relieved is left alone with its tools,
and what it still makes is thrown away.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rather.rollout.local import LocalEngine
from rather.serving.backend import EngineDown, Piece
from rather.serving.local.desk import Action, Desk, Letter
from rather.serving.local.jobs import Job
from rather.serving.local.writing import Decode


@dataclass(frozen=True)
class Tools:
    """What one thread works with, and no other: whatever it leaves half done is its own."""

    engine: LocalEngine
    """On a backbone of its own."""
    decode: Decode


class Shift:
    """A thread's time at the desk; its fields are touched under the desk's lock."""

    def __init__(
        self,
        desk: Desk,
        make: Callable[[], Tools],
        broke: Callable[["Shift", Exception], None],
        pause_s: float = 0.0,
    ) -> None:
        """`make` its tools, after a pause; `broke` hears of what it could not do."""
        self._desk, self._make, self._broke, self._pause_s = desk, make, broke, pause_s
        self.thread = threading.Thread(target=self._work, name="rather-engine", daemon=True)
        self.tools: Tools | None = None
        """None while they are being made."""
        self.num_tokens = self.num_steps = 0
        self._busy_since: float | None = None
        self._is_relieved = False
        self._is_ending = False
        self._action: Action | None = None
        self._letters: list[Letter] = []
        """What the step that is under way has made: the thread's own."""

    @property
    def seconds_busy(self) -> float:
        """How long it has been at one thing; 0 while it waits for work, or is relieved."""
        since = self._busy_since
        return 0.0 if since is None or self._is_relieved else time.monotonic() - since

    def excuse(self, seconds: float) -> None:
        """Do not count a time in which nothing in this process ran."""
        with self._desk.lock:
            if self._busy_since is not None:
                self._busy_since = min(self._busy_since + seconds, time.monotonic())

    @property
    def is_at_work(self) -> bool:
        """Whether it would take up what comes now."""
        return self.thread.is_alive() and self.tools is not None and not self._is_relieved

    @property
    def _is_over(self) -> bool:
        """Whether it is to do nothing more."""
        return self._is_relieved or self._is_ending

    @property
    def is_missing(self) -> bool:
        """Whether its thread ended and nobody told it to."""
        return not (self._is_over or self.thread.is_alive())

    def prepare(self) -> None:
        """Make its tools, with all adapters, and ready for the first request."""
        tools = self._make()
        with self._desk.lock:
            attached = list(self._desk.attached.values())
        for one in attached:
            tools.engine.backbone.attach_adapter(one.name, one.shape, one.weights)
        tools.engine.prepare()
        self.tools = tools

    def end(self) -> None:
        """Let it end after the step that is under way."""
        with self._desk.lock:
            self._is_ending = True
            self._desk.lock.notify_all()

    def relieve(self, sentence: str) -> None:
        """Throw away what it still makes, and tell those who wait for that."""
        with self._desk.lock:
            self._is_relieved = True
            if self._action is not None:
                self._action.future.set_exception(EngineDown(sentence))
                self._action = None
            self._desk.take_back(sentence)
            self._desk.lock.notify_all()  # it may wait for work, and would for ever

    def post(self, job: Job, piece: Piece | EngineDown) -> None:
        """Let a piece go out at the end of the step."""
        self._letters.append((job, piece))

    def _work(self) -> None:
        try:
            if self.tools is None:
                with self._desk.lock:
                    self._desk.lock.wait_for(lambda: self._is_over, timeout=self._pause_s)
                    if self._is_over:
                        return
                self._busy_since = time.monotonic()
                self.prepare()
            assert self.tools is not None
            engine, decode = self.tools.engine, self.tools.decode
            while self._has_more(engine, decode):
                while (action := self._next_action()) is not None:
                    self._act(engine, action)
                self._settle(None if engine.is_idle else engine.step())
        except Exception as error:
            self._broke(self, error)
        finally:
            if self.tools is not None:
                self.tools.engine.close()

    def _has_more(self, engine: LocalEngine, decode: Decode) -> bool:
        """Wait for something to do, and let jobs join whose turn it is; False at the end."""
        desk = self._desk
        with desk.lock:
            self._busy_since = None
            while not (self._is_over or desk.actions):
                if len(desk.waiting) or not engine.is_idle:
                    break
                desk.lock.wait()
            if self._is_relieved or (self._is_ending and not desk.actions):
                return False
            self._busy_since = time.monotonic()
            while (job := desk.waiting.first()) is not None:
                if not engine.has_room(job.num_rows, job.span):
                    break
                desk.running.append(desk.waiting.pop())
                job.begin(engine, decode, self.post)
            return True

    def _next_action(self) -> Action | None:
        with self._desk.lock:
            if self._is_relieved:
                return None
            self._action, self._busy_since = self._desk.next_action(), time.monotonic()
            return self._action

    def _act(self, engine: LocalEngine, action: Action) -> None:
        """Do something and say what came of it, unless nobody waits for that any more."""
        found, fault = None, None
        try:
            found = action.do(engine)
        except Exception as error:
            fault = error
        with self._desk.lock:
            self._action = None
            if self._is_relieved:
                return
            if fault is None:
                action.then()
                action.future.set_result(found)
            else:
                action.future.set_exception(fault)

    def _settle(self, num_drawn: int | None) -> None:
        """Send what a step has made (None: there was none), if anybody waits for that."""
        desk = self._desk
        with desk.lock:
            letters, self._letters = self._letters, []
            if self._is_relieved:
                return
            if num_drawn is not None:
                self.num_tokens += num_drawn
                self.num_steps += 1
            desk.running = [job for job in desk.running if not job.is_done]
            desk.deliver(letters)
