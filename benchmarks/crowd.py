"""Many labellers at once, as their browsers would be: a connection each, a key a judgment.

A plain asyncio client, so that it is the server that is measured.
"""

import asyncio
import json
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

SECONDS_BETWEEN_TRIES = 0.2


@dataclass(frozen=True)
class Ack:
    """One judgment that the server said it has stored."""

    labeller: str
    key: str
    judgment_id: str
    item_id: str
    replayed: bool


@dataclass
class Seen:
    """What a crowd lived through."""

    acks: list[Ack] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """By "METHOD path", of requests that were answered."""
    refusals: list[str] = field(default_factory=list)
    """Answers that were neither 2xx nor a request to come back."""
    num_lost_connections: int = 0
    num_told_to_wait: int = 0


class Browser:
    """One keep-alive connection with one session cookie."""

    def __init__(self, url: str, seen: Seen) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.cookie = ""
        self._seen = seen
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def log_in(self, token: str) -> None:
        """Turn a one-time token into this browser's session."""
        _, headers, _ = await self._exchange("GET", f"/login?token={token}", None)
        self.cookie = headers["set-cookie"].split(";")[0]

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request, tried until the server answers and does not say "later"."""
        while True:
            began = time.perf_counter()
            try:
                status, _, content = await self._exchange(method, path, body)
            except (OSError, asyncio.IncompleteReadError):
                self._seen.num_lost_connections += 1
                self.close()
                await asyncio.sleep(SECONDS_BETWEEN_TRIES)
                continue
            if status in (429, 503):
                self._seen.num_told_to_wait += 1
                await asyncio.sleep(SECONDS_BETWEEN_TRIES)
                continue
            route = f"{method} {path.partition('?')[0]}"
            self._seen.seconds.setdefault(route, []).append(time.perf_counter() - began)
            return status, json.loads(content) if content else None

    def close(self) -> None:
        """Let the connection go; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _exchange(
        self, method: str, path: str, body: Any
    ) -> tuple[int, dict[str, str], bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += ["Sec-Fetch-Site: same-origin", f"Cookie: {self.cookie}"]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        rest = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return int(head[0].split(" ")[1]), headers, rest


async def judge(
    browser: Browser, labeller: str, num: int, think_seconds: float, seen: Seen, seed: int
) -> None:
    """Judge `num` items as one person does: look, think, answer."""
    chance = random.Random(seed)
    for _ in range(num):
        status, reply = await browser.ask("GET", "/api/next")
        if status != 200:
            seen.refusals.append(f"{labeller}: next {status} {reply}")
            return
        if not reply["tasks"]:
            return
        await asyncio.sleep(think_seconds * chance.uniform(0.5, 1.5))
        task = reply["tasks"][0]
        body = {
            "item_id": task["item_id"],
            "said": answer(task, chance),
            "ms_to_decision": chance.randint(500, 30_000),
            "idempotency_key": secrets.token_hex(16),
            "guidelines_hash": reply["guidelines"]["hash"],
        }
        status, stored = await browser.ask("POST", "/api/judgments", body)
        if status != 200:
            seen.refusals.append(f"{labeller}: judgment {status} {stored}")
            continue
        key, id = body["idempotency_key"], stored["judgment_id"]
        seen.acks.append(Ack(labeller, key, id, task["item_id"], stored["replayed"]))


def answer(task: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Something to say about a task of any kind."""
    kind = task["kind"]
    match kind:
        case "pair":
            return {"kind": kind, "choice": chance.choice(["A", "B", "tie", "both_bad"])}
        case "ranking":
            ranks = list(range(1, len(task["answers"]) + 1))
            chance.shuffle(ranks)
            return {"kind": kind, "ranks": ranks}
        case "thumb":
            return {"kind": kind, "is_good": chance.random() < 0.5}
        case "correction":
            return {"kind": kind, "text": task["answers"][0]["text"] + " Indeed.", "place": 0}
    return {"kind": kind, "text": f"An ideal answer, number {chance.randint(1, 10**9)}."}


async def crowd(
    url: str, tokens: Sequence[tuple[str, str]], num: int, think_seconds: float, seed: int = 0
) -> Seen:
    """Everybody of `tokens` ((labeller id, one-time token)) judges `num` items at the same time."""
    seen = Seen()
    browsers = [Browser(url, seen) for _ in tokens]
    for browser, (_, token) in zip(browsers, tokens, strict=True):
        await browser.log_in(token)
    seen.seconds.clear()
    try:
        async with asyncio.TaskGroup() as group:
            for number, (browser, (labeller, _)) in enumerate(zip(browsers, tokens, strict=True)):
                group.create_task(
                    judge(browser, labeller, num, think_seconds, seen, seed * 100_003 + number)
                )
    finally:
        for browser in browsers:
            browser.close()
    return seen
