"""A running server's models answer side by side, and its errors are told in a sentence."""

import http.server
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rather.config.stages import Chat
from rather.errors import EnvironmentFault, UsageError
from rather.records import Message
from rather.stages.chat.remote import remote_speakers
from rather.stages.chat.server import server_at
from rather.store.database import Database
from rather.store.use.tables import SERVED

ASKED = (Message("user", "Why?"),)


def quiet(place: int, text: str) -> None:
    """Nobody listens."""


def test_models_answer_as_themselves(served: str) -> None:
    heard: list[tuple[int, str]] = []
    speakers = remote_speakers(server_at(served), ["prod", "ppo-2"], Chat(), seed=3)
    assert speakers.names == ("prod", "ppo-2")
    first, second = speakers.answer(ASKED, 0, lambda place, text: heard.append((place, text)))
    assert (first.model, second.model) == ("ppo-1", "ppo-2")
    assert first.text.startswith("I am ppo-1, ") and first.id.startswith("chatcmpl-")
    assert (first.num_tokens, first.is_cut_off, first.is_stopped) == (5, False, False)
    assert (0, first.text) in heard and (1, second.text) in heard
    again, _ = speakers.answer(ASKED, 0, quiet)
    assert again.text == first.text
    other, _ = speakers.answer(ASKED, 1, quiet)
    assert other.text != first.text


def test_it_asks_as_the_settings_say(db: Database, served: str) -> None:
    section = Chat(temperature=0.2, top_p=0.9, max_new_tokens=7)
    remote_speakers(server_at(f"{served}/v1/"), ["base"], section, seed=0).answer(ASKED, 0, quiet)
    with db.read() as connection:
        (row,) = connection.execute(SERVED.select()).mappings()
    assert row["sampling"] == {"temperature": 0.2, "top_p": 0.9, "max_new_tokens": 7}


def test_the_newest_is_what_prod_means(served: str) -> None:
    assert remote_speakers(server_at(served), ["newest"], Chat(), 0).names == ("prod",)
    with pytest.raises(UsageError, match="has no model nobody; it has base, ppo-1, ppo-2, prod"):
        remote_speakers(server_at(served), ["nobody"], Chat(), 0)


def test_a_servers_refusal_is_told(served: str) -> None:
    speakers = remote_speakers(server_at(served), ["base"], Chat(max_new_tokens=9999), 0)
    with pytest.raises(EnvironmentFault, match="max_tokens is 9999; this server makes at most"):
        speakers.answer(ASKED, 0, quiet)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8471", "ftp://x", "http://"])
def test_an_address_is_needed(url: str) -> None:
    with pytest.raises(UsageError, match="is no address of a server"):
        server_at(url)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RATHER_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "second")
    assert server_at("http://x").key == "second"
    monkeypatch.setenv("RATHER_API_KEY", "first")
    assert server_at("http://x").key == "first"
    assert server_at("http://x/").url == server_at("http://x/v1").url == "http://x/v1"


@contextmanager
def speaking(answer: Callable[[Any], None]) -> Iterator[str]:
    """A server that has one model and answers a chat as told."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"data": [{"id": "m"}]}')

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer(self)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def streaming(*lines: bytes) -> Callable[[Any], None]:
    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"".join(line + b"\n\n" for line in lines))

    return answer


CHUNK = b'data: {"id": "c", "model": "m", "choices": [{"delta": {"content": "So"}}]}'


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([CHUNK], "The stream broke off before its end"),
        ([b'data: {"error": {"message": "The engine broke."}}'], "The engine broke."),
        ([b"data: {nonsense"], "gave no usable answer"),
        ([b'data: {"choices": [{}]}'], "gave no usable answer"),
        ([b'data: {"choices": 3}'], "gave no usable answer"),
    ],
)
def test_a_stream_that_goes_wrong_is_told(lines: list[bytes], says: str) -> None:
    with speaking(streaming(*lines)) as url:
        speakers = remote_speakers(server_at(url), ["m"], Chat(), 0)
        with pytest.raises(EnvironmentFault, match=says):
            speakers.answer(ASKED, 0, quiet)


def test_ctrl_c_ends_the_answer(served: str) -> None:
    gate = threading.Event()

    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(CHUNK + b"\n\n")
        handler.wfile.flush()
        gate.wait(20)

    def press(place: int, text: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with speaking(answer) as url:
        speakers = remote_speakers(server_at(url), ["m"], Chat(), 0)
        (one,) = speakers.answer(ASKED, 0, press)
        gate.set()
    assert (one.text, one.is_stopped) == ("So", True)


def test_a_server_that_is_gone_is_told() -> None:
    with pytest.raises(EnvironmentFault, match="gave no usable answer"):
        remote_speakers(server_at("http://127.0.0.1:9"), ["m"], Chat(), 0)
