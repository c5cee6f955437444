"""A client that dribbles is dropped at the deadline; one that is quick is served meanwhile."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from rather.web import slow_clients
from rather.web.server import listen, server_of

QUICK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

pytestmark = pytest.mark.slow  # it waits for deadlines


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(slow_clients, "REQUEST_SECONDS", 1.5)
    app = FastAPI()
    app.get("/")(lambda: "here")
    app.post("/")(lambda: "taken")
    server = server_of(app)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


def reply_to(client: socket.socket, request: bytes) -> bytes:
    """All of it: the head and the body may come one after the other."""
    client.sendall(request)
    reply = b""
    while b'"here"' not in reply:
        part = client.recv(1000)
        assert part, f"the connection ended after {reply!r}"
        reply += part
    return reply


def seconds_until_dropped(client: socket.socket, dribble: bytes) -> float:
    began = time.monotonic()
    for byte in dribble:
        try:
            client.sendall(bytes([byte]))
        except OSError:
            return time.monotonic() - began
        time.sleep(0.1)
    raise AssertionError("the server waited for all of it")


@pytest.mark.parametrize(
    "beginning",
    [b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"],
    ids=["headers", "body"],
)
def test_a_dribbling_client_is_dropped(address: tuple[str, int], beginning: bytes) -> None:
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(beginning)
        assert 1 < seconds_until_dropped(client, b"GET / HTTP/1.1 " + b"x" * 100) < 9


def test_a_silent_client_is_dropped(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=5) as client:
        assert client.recv(1) == b""


def test_others_are_served_meanwhile(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=5) as slow:
        slow.sendall(b"GET")
        with socket.create_connection(address, timeout=5) as quick:
            assert reply_to(quick, QUICK).startswith(b"HTTP/1.1 200 OK")


def test_a_connection_that_rests_between_requests_is_kept(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=5) as client:
        for _ in range(2):
            assert reply_to(client, QUICK).startswith(b"HTTP/1.1 200 OK")
            time.sleep(2)
