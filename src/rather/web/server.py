"""Runs the app with uvicorn: checks the address first, says where it listens, stops cleanly."""

import errno
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from rather.errors import EnvironmentFault, UsageError
from rather.web.security import is_loopback_host
from rather.web.slow_clients import PunctualProtocol

MAX_CONNECTIONS = 4000
"""A team's browsers hold one to six each."""
BACKLOG = 1024
GRACE_SECONDS = 5
KEEP_ALIVE_SECONDS = 75
"""Longer than it takes to read two answers, so that a judgment needs no new connection."""
SECONDS_BETWEEN_LOOKS = 0.5


def serve(
    app: FastAPI,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    expose: bool = False,
    announce: Callable[[str], None] = print,
    until: Callable[[], bool] | None = None,
) -> None:
    """Serve until interrupted, or until `until` says so; `announce` gets the base URL first.

    Ctrl-C is how the app is meant to be stopped, so it ends the call and nothing else.

    Raises UsageError for an address others can reach without `expose`, EnvironmentFault where the
    port is taken or not allowed.
    """
    listener = listen(host, port, expose=expose)
    try:
        announce(url_of(listener))
        server = server_of(app)
        if until is not None:
            threading.Thread(target=_stop_when, args=(server, until), daemon=True).start()
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    finally:
        listener.close()


def _stop_when(server: uvicorn.Server, until: Callable[[], bool]) -> None:
    """Ask the server to end, gracefully, once the condition holds."""
    while not server.should_exit:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        server.should_exit = server.should_exit or until()


class Server(uvicorn.Server):
    """Breaks off what would take long once it is asked to end, so that nobody is cut off."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go, then see everybody out; `break_off` of the app's state says how."""
        if (break_off := getattr(self._app.state, "break_off", None)) is not None:
            break_off()
        await super().shutdown(sockets)


def server_of(app: FastAPI) -> uvicorn.Server:
    """The configured server, not yet running."""
    settings = uvicorn.Config(
        app,
        # A login link carries its token in the address, so addresses are not logged.
        access_log=False,
        log_level="warning",
        server_header=False,
        http=PunctualProtocol,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(settings, app)


def listen(host: str, port: int, *, expose: bool = False) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    if not expose and not is_loopback_host(host):
        raise UsageError(
            f"Listening on {host} would let other machines in; use 127.0.0.1, or say --expose "
            "if that is what you want."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio leaves Nagle on: 40 ms for every reply of two packets.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _explained(error, host, port) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL a browser on this machine can open."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _explained(error: OSError, host: str, port: int) -> EnvironmentFault:
    if error.errno == errno.EADDRINUSE:
        return EnvironmentFault(
            f"Port {port} on {host} is in use; stop what listens there, or choose another with "
            "--port (0 takes a free one)."
        )
    return EnvironmentFault(
        f"Cannot listen on {host} port {port} ({error.strerror}); choose another address or port."
    )
