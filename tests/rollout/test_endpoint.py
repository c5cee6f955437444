"""An OpenAI-compatible server on the loopback: what is asked of it, what becomes of its faults."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Lock, Thread
from typing import Any

import pytest

from rather.errors import EnvironmentFault, UsageError
from rather.records import Message, Prompt
from rather.rollout.endpoint import Answer, is_address, sample

SETTINGS = {"temperature": 0.5, "top_p": 0.9, "max_new_tokens": 7}
WHY = Prompt("p1", (Message("system", "Be brief."), Message("user", "Why?")), "train")
HOW = Prompt("p2", (Message("user", "How?"),), "train")


class Server(HTTPServer):
    """Answers with `reply`, or with the last message and the seed; remembers what was asked."""

    reply: Any = None
    status = 200
    raw: bytes | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None, dict[str, Any]]] = []
        self.lock = Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1#tiny"

    def answer(self, body: dict[str, Any]) -> Any:
        if self.reply is not None:
            return self.reply
        text = f"{body['messages'][-1]['content']} {body['seed']}"
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"completion_tokens": 4}}


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append((self.path, self.headers.get("Authorization"), body))
        if self.server.raw is not None:
            self.wfile.write(self.server.raw)
            return
        reply = json.dumps(self.server.answer(body)).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def reply(**parts: Any) -> dict[str, Any]:
    choice = {"message": {"content": "two words"}, "finish_reason": "length"}
    return {"choices": [choice], **parts}


def test_every_seed_gets_its_answer_in_its_place(server: Server) -> None:
    found = sample(server.address, [(WHY, (1, 2, 3)), (HOW, ()), (HOW, (4,))], SETTINGS)
    assert found == [
        [Answer("Why? 1", "stop", 4), Answer("Why? 2", "stop", 4), Answer("Why? 3", "stop", 4)],
        [],
        [Answer("How? 4", "stop", 4)],
    ]
    assert len(server.asked) == 4


def test_what_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    sample(server.address, [(WHY, (2**31 + 5,))], SETTINGS)
    ((path, key, body),) = server.asked
    assert (path, key) == ("/v1/chat/completions", "Bearer sesame")
    assert body == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
        ],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "seed": 5,  # servers take 31 bits
    }


@pytest.mark.parametrize("parts", [{}, {"usage": None}, {"usage": {}}])
def test_without_a_token_count_words_are_counted(server: Server, parts: dict[str, Any]) -> None:
    server.reply = reply(**parts)
    assert sample(server.address, [(WHY, (1,))], SETTINGS) == [[Answer("two words", "length", 2)]]


def test_no_content_is_an_empty_text(server: Server) -> None:
    server.reply = {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}
    assert sample(server.address, [(WHY, (1,))], SETTINGS) == [[Answer("", "stop", 0)]]


def test_a_nul_which_no_database_keeps_is_replaced(server: Server) -> None:
    server.reply = {"choices": [{"message": {"content": "a\x00b"}, "finish_reason": "stop"}]}
    assert sample(server.address, [(WHY, (1,))], SETTINGS)[0][0].text == "a\ufffdb"


@pytest.mark.parametrize(("status", "name"), [(404, "Not Found"), (503, "Service Unavailable")])
def test_an_error_code_is_a_fault(server: Server, status: int, name: str) -> None:
    server.status = status
    with pytest.raises(EnvironmentFault, match=f"/v1/chat/completions answered {status} {name}"):
        sample(server.address, [(WHY, (1,))], SETTINGS)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        [1],
        "text",
        {"choices": [{}]},
        {"choices": [{"message": {"content": 5}}]},
    ],
)
def test_a_useless_answer_is_a_fault(server: Server, answer: Any) -> None:
    server.reply = answer
    with pytest.raises(EnvironmentFault, match="gave no usable answer"):
        sample(server.address, [(WHY, (1,))], SETTINGS)


@pytest.mark.parametrize(
    "raw",
    [
        b"no protocol of mine\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.0 200 OK\r\n\r\n{not json",
        b"",
    ],
)
def test_a_server_that_speaks_something_else_is_a_fault(server: Server, raw: bytes) -> None:
    server.raw = raw
    with pytest.raises(EnvironmentFault, match="gave no usable answer"):
        sample(server.address, [(WHY, (1,))], SETTINGS)


def test_a_server_that_is_not_there_is_a_fault(server: Server) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    with pytest.raises(EnvironmentFault, match="gave no usable answer"):
        sample(f"http://127.0.0.1:{port}/v1#tiny", [(WHY, (1,))], SETTINGS)


def test_an_address_names_its_model() -> None:
    with pytest.raises(UsageError, match="names no model; write it as http://host:port/v1#model"):
        sample("http://127.0.0.1:1/v1", [(WHY, (1,))], SETTINGS)
    assert is_address("https://host/v1#model")
    assert not is_address("base")
