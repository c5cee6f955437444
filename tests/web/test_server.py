"""The address is checked before anything is served."""

import socket
import threading
import urllib.request

import pytest
from fastapi import FastAPI

from rather.errors import EnvironmentFault, UsageError
from rather.web.server import listen, serve, server_of, url_of


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=f"Port {port} on 127.0.0.1 is in use"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "labels.example", "::"])
def test_others_are_kept_out_unless_asked_in(host: str) -> None:
    with pytest.raises(UsageError, match="--expose"):
        listen(host, 0)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(EnvironmentFault, match=r"Cannot listen on 203\.0\.113\.7 port 0"):
        listen("203.0.113.7", 0, expose=True)


def test_port_zero_takes_a_free_one() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert not url_of(listener).endswith(":0")


def test_an_exposed_server_is_shown_as_this_machine_can_open_it() -> None:
    with listen("0.0.0.0", 0, expose=True) as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")


def test_serving_announces_the_address_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()
    app.get("/")(lambda: "here")
    server = server_of(app)
    monkeypatch.setattr("rather.web.server.server_of", lambda _: server)
    announced: list[str] = []
    is_ready = threading.Event()

    def announce(url: str) -> None:
        announced.append(url)
        is_ready.set()

    thread = threading.Thread(target=serve, args=(app,), kwargs={"announce": announce})
    thread.start()
    assert is_ready.wait(10)
    with urllib.request.urlopen(announced[0], timeout=10) as reply:
        assert reply.read() == b'"here"'
        assert "server" not in reply.headers
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def test_what_takes_long_is_broken_off_before_its_client_is_cut_off() -> None:
    app, begun, may_end = FastAPI(), threading.Event(), threading.Event()

    @app.get("/")
    def long() -> str:
        begun.set()
        return "broken off" if may_end.wait(20) else "too late"

    app.state.break_off = may_end.set
    listener = listen("127.0.0.1", 0)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    heard: list[bytes] = []
    client = threading.Thread(
        target=lambda: heard.append(urllib.request.urlopen(url_of(listener), timeout=20).read())
    )
    client.start()
    assert begun.wait(20)
    server.should_exit = True
    client.join(20)
    thread.join(20)
    listener.close()
    assert heard == [b'"broken off"']


def test_serving_ends_once_there_is_enough() -> None:
    looks: list[int] = []

    def enough() -> bool:
        looks.append(1)
        return len(looks) == 2

    serve(FastAPI(), announce=lambda url: None, until=enough)
    assert len(looks) == 2
