"""Numbers of a run on their way to somebody's tracker, which can neither stop nor slow the run.

Each tracker has a thread of its own and a queue that never blocks. Whatever goes wrong with it
(not installed, not logged in, no network) is said once; the run goes on, and its numbers are in the
workspace's own store all the same.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from queue import Full, Queue

from rather.tracking.trackers import OPENERS, About, Opener

MAX_WAITING = 10_000
"""Steps that may wait for a tracker; more are dropped, and counted."""
SECONDS_TO_CLOSE = 10.0
"""How long the end of a run waits for a tracker to take what is left."""

Step = tuple[int, Mapping[str, float]]
Say = Callable[[str], None]


class Sink:
    """One tracker, fed from a queue by a thread."""

    def __init__(
        self,
        name: str,
        open_tracker: Opener,
        about: About,
        say: Say,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._name, self._say = name, say
        self._steps: Queue[Step | None] = Queue(max_waiting)
        self._num_lost = 0
        self._is_broken = threading.Event()
        self._thread = threading.Thread(
            target=self._feed, args=(open_tracker, about), name=f"tracker {name}", daemon=True
        )
        self._thread.start()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Hand over a step's numbers; returns at once."""
        try:
            if self._is_broken.is_set():
                raise Full
            self._steps.put_nowait((step, dict(metrics)))
        except Full:
            self._num_lost += 1

    def close(self, seconds: float = SECONDS_TO_CLOSE) -> None:
        """Let the tracker take what is left, for so long at most; say what it did not get."""
        with suppress(Full):  # it takes nothing any more; what waits is counted below
            self._steps.put(None, timeout=seconds)
        self._thread.join(seconds)
        waiting = list(self._steps.queue)
        lost = self._num_lost + sum(step is not None for step in waiting)
        if self._thread.is_alive():
            self._say(f"tracker {self._name}: it did not end in {seconds:g} seconds and is left.")
        if lost:
            self._say(
                f"tracker {self._name}: {lost} steps did not reach it; the workspace has them all."
            )

    def _feed(self, open_tracker: Opener, about: About) -> None:
        step: Step | None = None
        try:
            tracker = open_tracker(about)
            while (step := self._steps.get()) is not None:
                tracker.log(*step)
            tracker.close()
        except Exception as error:  # whatever a tracker does, it is no reason to stop a run
            self._is_broken.set()
            self._num_lost += step is not None  # the one it choked on
            self._say(f"tracker {self._name}: {_why(error)} The run goes on without it.")


def _why(error: Exception) -> str:
    if isinstance(error, ImportError):
        return f"{error}; install it with `pip install 'rather[trackers]'`."
    return f"{type(error).__name__}: {error}."


@contextmanager
def tracked(names: Sequence[str], about: About, say: Say) -> Iterator[Callable[..., None]]:
    """A function that hands (step, metrics) to every tracker named, until the block ends.

    What trackers print goes to stderr: stdout is for results.
    """
    if not names:
        yield lambda step, metrics: None
        return
    with redirect_stdout(sys.stderr):
        sinks = [Sink(name, OPENERS[name], about, say) for name in names]

        def log(step: int, metrics: Mapping[str, float]) -> None:
            for sink in sinks:
                sink.log(step, metrics)

        try:
            yield log
        finally:
            for sink in sinks:
                sink.close()
