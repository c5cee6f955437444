"""Spreads completions over servers: to whoever is free, and on to another where one dies."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from rather.errors import EnvironmentFault
from rather.interrupts import safe_point
from rather.rollout.requests import Sampled
from rather.rollout.vllm.server import Server
from rather.rollout.vllm.wire import ServerFailed, ServerRefused

SECONDS_BETWEEN_TRIES = 1.0
SECONDS_BETWEEN_LOOKS = 0.05
LONGEST_GOODBYE_S = 2.0
"""What is under way is not waited for longer where the work is broken off."""
MOST_REFUSALS = 3
"""Times a completion may be refused, by any server, before that is no accident."""


class Member:
    """A server that completions are asked of, with what is known of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_ready = False
        self.last_words = "was not asked yet"
        self.lock = threading.Lock()


class Fleet:
    """Servers that hold the same weights; one that dies is tried again, and catches up."""

    def __init__(
        self,
        urls: Sequence[str],
        requests_a_server: int,
        patience_s: float,
        say: Callable[[str], None],
    ) -> None:
        self._urls = tuple(urls)
        self._width, self._patience_s, self._say = requests_a_server, patience_s, say

    def complete(
        self,
        bodies: Sequence[dict[str, Any]],
        prepare: Callable[[Server], None],
        ask: Callable[[Server, dict[str, Any]], Sampled] = Server.complete,
        advance: Callable[[int], None] = lambda tokens: None,
    ) -> list[Sampled]:
        """A completion of each body, in order.

        `prepare` sees to it that a server has what the bodies ask for, before it is first used and
        after each failure; `ask` has it complete one. Raises EnvironmentFault where no server works
        for `patience_s`, or one fails in `prepare` for a reason that waiting does not mend.
        """
        work = Work(bodies, ask)
        with self.open() as servers:
            members = [Member(server) for server in servers]
            threads = [
                threading.Thread(target=self._serve, args=(member, work, prepare), daemon=True)
                for member in members
                for _ in range(self._width)
            ]
            for thread in threads:
                thread.start()
            try:
                self._watch(members, work, advance)
            finally:
                work.is_over.set()
                ends = time.monotonic() + LONGEST_GOODBYE_S
                for thread in threads:
                    thread.join(max(0.0, ends - time.monotonic()))
        return [work.found[place] for place in range(len(bodies))]

    @contextmanager
    def open(self) -> Iterator[list[Server]]:
        """All servers, whether they answer or not."""
        with ExitStack() as stack:
            yield [stack.enter_context(Server(url)) for url in self._urls]

    def _watch(
        self, members: Sequence[Member], work: "Work", advance: Callable[[int], None]
    ) -> None:
        last_good = time.monotonic()
        while len(work.found) < len(work.bodies):
            safe_point()
            time.sleep(SECONDS_BETWEEN_LOOKS)
            advance(work.take_tokens())
            if work.fault is not None:
                raise work.fault
            if any(member.is_ready for member in members):
                last_good = time.monotonic()
            elif time.monotonic() - last_good > self._patience_s:
                told = "; ".join(f"{m.server.url}: {m.last_words}" for m in members)
                raise EnvironmentFault(
                    f"No vLLM server has worked for {self._patience_s:.0f} seconds ({told}); start "
                    "one and give the same command again."
                )
        advance(work.take_tokens())

    def _serve(self, member: Member, work: "Work", prepare: Callable[[Server], None]) -> None:
        """One of a server's places, until all is done."""
        while not work.is_over.is_set():
            try:
                if not self._is_ready(member, work, prepare):
                    work.is_over.wait(SECONDS_BETWEEN_TRIES)
                    continue
                place = work.next()
            except Exception as error:
                work.fault = error
                return
            if place is None:
                continue
            try:
                work.done(place, work.ask(member.server, work.bodies[place]))
            except (ServerFailed, ServerRefused) as error:
                self._lose(member, str(error))
                work.again(place, is_refused=isinstance(error, ServerRefused), why=str(error))
            except Exception as error:
                work.fault = error
                return

    def _is_ready(self, member: Member, work: "Work", prepare: Callable[[Server], None]) -> bool:
        """Whether a server can be asked; the first of its places to come prepares it."""
        with member.lock:
            if member.is_ready or work.is_over.is_set():
                return member.is_ready
            try:
                member.server.models()  # it answers at all
                prepare(member.server)
            except (ServerFailed, ServerRefused) as error:
                member.last_words = str(error)
                return False
            member.is_ready = True
            return True

    def _lose(self, member: Member, why: str) -> None:
        with member.lock:
            if member.is_ready:
                self._say(f"{member.server.url} failed ({why}); its completions go to the others")
            member.is_ready, member.last_words = False, why


class Work:
    """What is to be completed, and what was; shared by all threads."""

    def __init__(
        self, bodies: Sequence[dict[str, Any]], ask: Callable[[Server, dict[str, Any]], Sampled]
    ) -> None:
        self.bodies, self.ask = bodies, ask
        self.found: dict[int, Sampled] = {}
        self.fault: Exception | None = None
        self.is_over = threading.Event()
        self._open: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._refusals = [0] * len(bodies)
        self._tokens = 0
        self._lock = threading.Lock()
        for place in range(len(bodies)):
            self._open.put(place)

    def next(self) -> int | None:
        """Something to do; None where there is nothing just now."""
        try:
            return self._open.get(timeout=SECONDS_BETWEEN_LOOKS)
        except queue.Empty:
            return None

    def done(self, place: int, one: Sampled) -> None:
        """This place is complete."""
        with self._lock:
            self._tokens += len(one.ids)
            self.found[place] = one

    def again(self, place: int, *, is_refused: bool, why: str) -> None:
        """This place has to be done by another, unless it is refused again and again."""
        with self._lock:
            self._refusals[place] += is_refused
            if self._refusals[place] >= MOST_REFUSALS:
                self.fault = EnvironmentFault(f"The vLLM servers refuse a completion ({why}).")
        self._open.put(place)

    def take_tokens(self) -> int:
        """Tokens made since the last call."""
        with self._lock:
            tokens, self._tokens = self._tokens, 0
        return tokens
