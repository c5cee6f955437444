"""Spreads completions over servers: to whoever is free, and on to another where one dies."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from rather.errors import EnvironmentFault
from rather.interrupts import safe_point
from rather.rollout.requests import Sampled
from rather.rollout.vllm.server import Server
from rather.rollout.vllm.wire import ServerFailed, ServerRefused
from rather.rollout.vllm.work import SECONDS_BETWEEN_LOOKS, Work

SECONDS_BETWEEN_TRIES = 1.0
LONGEST_GOODBYE_S = 2.0
"""What is under way is not waited for longer where the work is broken off."""


class Member:
    """A server that completions are asked of, with what is known of it."""

    def __init__(self, server: Server, width: int) -> None:
        """`width`: completions it is asked for at once, whoever asks."""
        self.server = server
        self._width = width
        self.room = threading.Semaphore(width)
        self.ready: set[str] = set()
        """Names of what it was prepared for, and has not failed since."""
        self.last_words = "was not asked yet"
        self.is_missed = False
        """Whether it was said that it does not work."""
        self.turn = threading.Lock()
        """Of who prepares it, or has it forget."""
        self.told = threading.Lock()
        """Of who says that it failed."""

    @contextmanager
    def quiet(self, work: Work) -> Iterator[bool]:
        """For this long it completes nothing; False where the work was over before it was so.

        Log-probabilities of an adapter's prompt beside completions end vLLM (0.32 on CPUs).
        """
        taken = 0
        try:
            while taken < self._width and not work.is_over.is_set():
                taken += self.room.acquire(timeout=SECONDS_BETWEEN_LOOKS)
            yield taken == self._width
        finally:
            if taken:
                self.room.release(taken)


class Fleet:
    """Servers that hold the same weights; one that dies is tried again, and catches up."""

    def __init__(
        self,
        urls: Sequence[str],
        requests_a_server: int,
        patience_s: float,
        say: Callable[[str], None],
    ) -> None:
        self._members = [Member(Server(url), requests_a_server) for url in urls]
        self._width, self._patience_s, self._say = requests_a_server, patience_s, say

    def complete(self, work: Work, advance: Callable[[int], None] | None = None) -> list[Sampled]:
        """Do all of the work: a completion of each of its bodies, in order.

        `advance` hears of tokens; without it they are left for who takes them from the work.
        Several threads may ask at once. Raises EnvironmentFault where no server works for
        `patience_s`, or one fails in `prepare` for a reason that waiting does not mend.
        """
        threads = [
            threading.Thread(target=self._serve, args=(member, work), daemon=True)
            for member in self._members
            for _ in range(self._width)
        ]
        for thread in threads:
            thread.start()
        try:
            self._watch(work, advance)
        finally:
            work.is_over.set()
            ends = time.monotonic() + LONGEST_GOODBYE_S
            for thread in threads:
                thread.join(max(0.0, ends - time.monotonic()))
        return work.results()

    def forget(self, name: str) -> None:
        """Have every server that still knows an adapter forget it."""
        for member in self._members:
            with member.turn:
                member.ready.discard(name)
                # one that is gone, or was started anew, never knew it
                with suppress(ServerFailed, ServerRefused):
                    member.server.unload(name)

    def close(self) -> None:
        """Let all connections go."""
        for member in self._members:
            member.server.close()

    def _watch(self, work: Work, advance: Callable[[int], None] | None) -> None:
        last_good = time.monotonic()
        while not work.is_done:
            safe_point()
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if advance is not None:
                advance(work.take_tokens())
            if work.fault is not None:
                raise work.fault
            if any(work.name in member.ready for member in self._members):
                last_good = time.monotonic()
            elif time.monotonic() - last_good > self._patience_s:
                told = "; ".join(f"{m.server.url}: {m.last_words}" for m in self._members)
                raise EnvironmentFault(
                    f"No vLLM server has worked for {self._patience_s:.0f} seconds ({told}); start "
                    "one and give the same command again."
                )
        if advance is not None:
            advance(work.take_tokens())

    def _serve(self, member: Member, work: Work) -> None:
        """One of a server's places, until all is done."""
        try:
            while not work.is_over.is_set():
                if not self._is_ready(member, work):
                    work.is_over.wait(SECONDS_BETWEEN_TRIES)
                elif not self._do_one(member, work):
                    work.is_over.wait(SECONDS_BETWEEN_LOOKS)
        except Exception as error:
            work.fault = error

    def _do_one(self, member: Member, work: Work) -> bool:
        """Ask for one completion; False where there is nothing to ask for just now."""
        with member.room:
            place = work.next()
            if place is None:
                return False
            try:
                work.done(place, work.ask(member.server, work.bodies[place]))
            except (ServerFailed, ServerRefused) as error:
                self._lose(member, str(error))
                work.again(place, is_refused=isinstance(error, ServerRefused), why=str(error))
        return True

    def _is_ready(self, member: Member, work: Work) -> bool:
        """Whether a server can be asked; the first of its places to come prepares it."""
        if work.name in member.ready:
            return True
        with member.turn:
            if work.name in member.ready:
                return True
            with member.quiet(work) as is_quiet:
                if not is_quiet:
                    return False
                try:
                    member.server.models()  # it answers at all
                    work.prepare(member.server)
                except (ServerFailed, ServerRefused) as error:
                    self._miss(member, str(error), "it is tried again, every second")
                    return False
                member.ready.add(work.name)
                self._welcome(member)
                return True

    def _lose(self, member: Member, why: str) -> None:
        self._miss(member, why, "its completions go to the others, or wait for it")
        member.ready.clear()

    def _miss(self, member: Member, why: str, what_then: str) -> None:
        """Say once that a server does not work, until it does again."""
        with member.told:
            if not member.is_missed:
                self._say(f"{member.server.url} failed ({why}); {what_then}")
            member.is_missed, member.last_words = True, why

    def _welcome(self, member: Member) -> None:
        with member.told:
            if member.is_missed:
                self._say(f"{member.server.url} works again")
            member.is_missed = False
