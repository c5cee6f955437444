"""The question put to a judge, and its verdict read."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from rather.errors import UsageError
from rather.records import Message, Prompt
from rather.rollout.llm_judge import ask, question, read_verdict

WHY = Prompt("p", (Message("system", "Be brief."), Message("user", "Why?")), "heldout")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Answer A is clearer. [[A]]", "first"),
        ("[[A]] would be too easy; in the end [[B]]", "second"),
        ("Both are fine: [[C]]", "tie"),
        ("A", None),
        ("", None),
    ],
)
def test_the_last_mark_is_the_verdict(reply: str, verdict: str | None) -> None:
    assert read_verdict(reply) == verdict


def test_the_question_shows_all_and_tells_what_people_were_told() -> None:
    system, user = question(WHY, "Because.", "So {it} is.", "Prefer {short} answers.")
    assert (system["role"], user["role"]) == ("system", "user")
    assert "Prefer {short} answers." in system["content"]
    text = user["content"]
    assert text.index("user: Why?") < text.index("Because.") < text.index("So {it} is.")


class Judge(BaseHTTPRequestHandler):
    """Prefers whatever stands first."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)  # type: ignore[attr-defined]
        message = {"content": f"{body['messages'][-1]['content'][:20]} [[A]]"}
        reply = json.dumps({"choices": [{"message": message}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    made = HTTPServer(("127.0.0.1", 0), Judge)
    made.bodies = []  # type: ignore[attr-defined]
    thread = Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_replies_come_in_order_and_nothing_is_left_to_chance(server: HTTPServer) -> None:
    address = f"http://127.0.0.1:{server.server_port}/v1#judge"
    asked: list[int] = []
    questions = [[{"role": "user", "content": f"number {n}"}] for n in range(20)]
    replies = ask(address, questions, asked.append)
    assert replies == [f"number {n} [[A]]" for n in range(20)]
    assert sum(asked) == 20
    bodies: list[dict[str, Any]] = server.bodies  # type: ignore[attr-defined]
    assert {(body["model"], body["temperature"]) for body in bodies} == {("judge", 0)}


def test_an_address_without_a_model() -> None:
    with pytest.raises(UsageError, match="names no model"):
        ask("http://127.0.0.1:9/v1", [])
