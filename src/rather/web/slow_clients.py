"""Drops clients that take for ever to say what they want or to take what they are sent, so that
they hold nobody else up."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 30.0
"""From a request's first byte (or the connection's beginning) to its last one."""

TAKING_SECONDS = 30.0
"""That a client may take nothing of an answer while more is waiting for it than buffers hold."""


class PunctualProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a deadline for each request to be there whole (slowloris), and one
    for a reader that has stopped to read."""

    _deadline: asyncio.TimerHandle | None = None
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that says nothing is dropped too."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on while a request is incomplete; the keep-alive time takes over between two."""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._wait()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to wait for."""
        self._stop_waiting()
        self._lose_no_patience()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The buffers are full: the client may take its time, but not for ever."""
        super().pause_writing()
        self._patience = self.loop.call_later(TAKING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read on."""
        super().resume_writing()
        self._lose_no_patience()

    def _lose_no_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _wait(self) -> None:
        # The first byte's deadline holds: one byte a second is no excuse.
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
