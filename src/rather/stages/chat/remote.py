"""Answers by a running server of ours (or any OpenAI-compatible one), streamed side by side."""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rather.config.stages import Chat
from rather.errors import EnvironmentFault, UsageError
from rather.interrupts import Interrupted, listening, safe_point
from rather.records import Message
from rather.rollout.endpoint import UNUSABLE, unusable
from rather.stages.chat.answers import Answered, Heard
from rather.stages.chat.server import Server, chunks

SECONDS_BETWEEN_LOOKS = 0.05


@dataclass
class _Growing:
    """An answer on its way."""

    model: str
    text: str = ""
    num_tokens: int = 0
    finish_reason: str | None = None
    id: str = ""
    error: EnvironmentFault | None = None

    def take(self, chunk: dict[str, Any]) -> None:
        self.id = str(chunk.get("id") or self.id)
        self.model = str(chunk.get("model") or self.model)
        if usage := chunk.get("usage"):
            self.num_tokens = int(usage["completion_tokens"])
        for choice in chunk["choices"]:
            self.text += choice["delta"].get("content") or ""
            self.finish_reason = choice.get("finish_reason") or self.finish_reason


@dataclass
class RemoteSpeakers:
    """Models of a server, each asked by a thread of its own."""

    server: Server
    names: tuple[str, ...]
    section: Chat
    seed: int
    _stopped: threading.Event = field(default_factory=threading.Event)

    def answer(
        self, messages: Sequence[Message], number: int, heard: Heard
    ) -> tuple[Answered, ...]:
        """See `Speakers`."""
        growing = [_Growing(name) for name in self.names]
        news: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stopped = threading.Event()
        threads = [
            threading.Thread(
                target=self._listen, args=(place, messages, number, growing, news), daemon=True
            )
            for place in range(len(growing))
        ]
        for thread in threads:
            thread.start()
        try:
            with listening():
                self._tell(threads, growing, news, heard)
        except Interrupted as interrupt:
            self._stopped.set()
            if not interrupt.is_ctrl_c:
                raise
        for one in growing:
            if one.error is not None:
                raise one.error
        return tuple(_answered(one, self.seed + number) for one in growing)

    def _tell(
        self,
        threads: Sequence[threading.Thread],
        growing: Sequence[_Growing],
        news: "queue.SimpleQueue[int]",
        heard: Heard,
    ) -> None:
        while any(thread.is_alive() for thread in threads) or not news.empty():
            safe_point()
            try:
                place = news.get(timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                continue
            heard(place, growing[place].text)

    def _listen(
        self,
        place: int,
        messages: Sequence[Message],
        number: int,
        growing: Sequence[_Growing],
        news: "queue.SimpleQueue[int]",
    ) -> None:
        one, section = growing[place], self.section
        body = {
            "model": self.names[place],
            "messages": [vars(message) for message in messages],
            "temperature": section.temperature,
            "top_p": section.top_p,
            "max_tokens": section.max_new_tokens,
            "seed": self.seed + number,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        try:
            with self.server.ask("/chat/completions", body) as reply:
                for chunk in chunks(reply):
                    if self._stopped.is_set():
                        return  # closes the connection, and with it the server's work
                    one.take(chunk)
                    news.put(place)
        except EnvironmentFault as error:
            one.error = error
        except UNUSABLE as error:
            one.error = unusable(self.server.url, error)


def remote_speakers(
    server: Server, models: Sequence[str], section: Chat, seed: int
) -> RemoteSpeakers:
    """The named models of a server, each once; without any, what `prod` means or the newest."""
    try:
        there = [str(one["id"]) for one in server.json("/models")["data"]]
    except UNUSABLE as error:
        raise unusable(server.url, error) from None
    if not there:
        raise EnvironmentFault(f"{server.url} has no models.")
    chosen = "prod" if "prod" in there else there[-1]
    names = [chosen if name == "newest" else name for name in models]
    if missing := [name for name in names if name not in there]:
        raise UsageError(f"{server.url} has no model {missing[0]}; it has {', '.join(there)}.")
    return RemoteSpeakers(server, tuple(dict.fromkeys(names)), section, seed)


def _answered(one: _Growing, seed: int) -> Answered:
    return Answered(
        model=one.model,
        text=one.text.replace("\x00", "\ufffd"),
        num_tokens=one.num_tokens,
        is_cut_off=one.finish_reason == "length",
        is_stopped=one.finish_reason not in ("stop", "length"),
        seed=seed,
        id=one.id,
    )
