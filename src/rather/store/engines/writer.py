"""The one thread that writes: it commits waiting writes together, so one fsync serves many.

A write is acknowledged only after COMMIT. Each runs in its own savepoint: one that fails is undone
alone, the others of the group are kept.
"""

import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

MAX_WRITES = 64
MAX_SECONDS = 0.005


@dataclass(frozen=True)
class _Write:
    action: Callable[[Connection], Any]
    done: "Future[Any]" = field(default_factory=Future)


@dataclass(frozen=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs write actions one group at a time; the engine's transactions begin with the lock."""

    def __init__(self, engine: Engine, explain: Callable[[Exception], Exception]) -> None:
        self._engine = engine
        self._explain = explain
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        # A daemon: what it still holds at exit was not acknowledged to anybody.
        self._thread = threading.Thread(target=self._work, name="rather-writer", daemon=True)
        self._thread.start()

    def write(self, action: Callable[[Connection], Any]) -> Any:
        """Run `action` in a transaction and return its value once that is durable."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a write was started inside a write; use the connection given")
        write = _Write(action)
        self._waiting.put(write)
        return write.done.result()

    def stop(self) -> None:
        """Finish what waits and end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            self._commit_group(first)

    def _commit_group(self, first: _Write) -> None:
        group: list[_Write] = []
        outcomes: list[_Outcome] = []
        try:
            with self._engine.begin() as connection:
                deadline = time.monotonic() + MAX_SECONDS
                write: _Write | None = first
                while write is not None:
                    group.append(write)
                    outcomes.append(_attempt(connection, write))
                    write = self._next(len(group), deadline)
        except Exception as fault:
            # The group was rolled back as a whole (locked, disk full, server gone): nobody is
            # acknowledged. Who waited while not even a transaction could begin has waited enough.
            for write in group or [first, *self._all_waiting()]:
                write.done.set_exception(self._explain(fault))
            return
        for write, outcome in zip(group, outcomes, strict=True):
            if outcome.error is None:
                write.done.set_result(outcome.value)
            else:
                write.done.set_exception(self._explain(outcome.error))

    def _all_waiting(self) -> list[_Write]:
        writes: list[_Write] = []
        # One at a time, by `_next`: it keeps an order to stop.
        while (write := self._next(0, math.inf)) is not None:
            writes.append(write)
        return writes

    def _next(self, num_taken: int, deadline: float) -> _Write | None:
        """The next waiting write of this group; it never waits for one to come."""
        if num_taken >= MAX_WRITES or time.monotonic() > deadline:
            return None
        try:
            write = self._waiting.get_nowait()
        except queue.Empty:
            return None
        if write is None:
            self._waiting.put(None)  # the order to stop, kept for after this group
        return write


def _attempt(connection: Connection, write: _Write) -> _Outcome:
    # Said in SQL: a nested transaction of SQLAlchemy costs as much as the write itself.
    connection.exec_driver_sql("SAVEPOINT attempt")
    try:
        value = write.action(connection)
        connection.exec_driver_sql("RELEASE SAVEPOINT attempt")
    except Exception as error:
        if connection.invalidated:
            raise  # the server is gone, and the whole transaction with it
        try:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT attempt")
        except DBAPIError:
            # SQLite has undone the whole transaction already; the savepoint is gone with it.
            raise error from None
        return _Outcome(error=error)
    return _Outcome(value=value)
