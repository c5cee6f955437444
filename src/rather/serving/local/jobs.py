"""A wish at work: its completions in the engine, their tokens into pieces."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from rather.rollout.local import LocalEngine
from rather.rollout.requests import Asker, Likelihood, Request, Settings, Ticket
from rather.serving.backend import EndReason, EngineDown, Piece, TokenLogprob, Wish
from rather.serving.local.writing import Decode, Writer

MOST_STARTS = 2
"""Engines that may have a job and not begin it: it may be the job that they do not survive."""
Post = Callable[["Job", "Piece | EngineDown"], None]


@dataclass(eq=False)
class Job:
    """One wish; its rows are one ticket each, so that each can end by itself."""

    wish: Wish
    settings: Settings
    asker: Asker
    """Whose it is, and what its prompt may go on from."""
    inbox: "asyncio.Queue[Piece | EngineDown]" = field(default_factory=asyncio.Queue)
    """Of the event loop; the engine's thread only posts."""
    rows: list["JobRow"] = field(default_factory=list)
    num_starts: int = 0
    """Engines that had it."""

    @property
    def num_rows(self) -> int:
        """Completions wanted."""
        return len(self.wish.seeds)

    @property
    def span(self) -> int:
        """Tokens a completion may come to, its prompt included."""
        return len(self.wish.prompt_ids) + self.wish.max_new_tokens

    @property
    def is_lost(self) -> bool:
        """Whether it ends with its engine: something of it was computed, or it had its chances."""
        is_begun = any(row.ticket is not None and row.ticket.is_begun for row in self.rows)
        return is_begun or self.num_starts >= MOST_STARTS

    @property
    def is_done(self) -> bool:
        """Whether every completion has ended."""
        return bool(self.rows) and all(row.is_over for row in self.rows)

    def begin(self, engine: LocalEngine, decode: Decode, post: Post) -> None:
        """Hand the completions to an engine; what comes of them is posted.

        Once more where another engine had them and began none.
        """
        adapter = None if self.wish.model == "base" else self.wish.model
        self.rows, self.num_starts = [], self.num_starts + 1
        for number, seed in enumerate(self.wish.seeds):
            row = JobRow(self, number, engine, decode, post)
            request = Request(self.wish.prompt_ids, (seed,))
            row.ticket = engine.submit(request, self.settings, adapter, row.heard, self.asker)
            self.rows.append(row)

    def cancel(self) -> None:
        """Let all completions go that have not ended; nobody waits for them."""
        for row in self.rows:
            row.let_go()

    def abort(self, post: Post) -> None:
        """End all completions that have not ended, and say so."""
        for row in self.rows:
            row.abort()
        for number in range(len(self.rows), self.num_rows):
            post(self, Piece(number, "", 0, finish_reason="abort"))


class JobRow:
    """One completion of a job."""

    def __init__(
        self, job: Job, number: int, engine: LocalEngine, decode: Decode, post: Post
    ) -> None:
        self.job, self.number, self.engine = job, number, engine
        self.writer = Writer(decode, job.wish.stop)
        self._decode, self._send = decode, post
        self.ticket: Ticket | None = None
        self.is_over = False
        self._unsaid = 0
        """Tokens since the last piece."""
        self._is_first = True
        """Whether nothing was posted yet."""

    def heard(self, _: int, token: int, logprob: float) -> None:
        """A token was drawn: post what comes of it."""
        if self.is_over:
            return
        assert self.ticket is not None
        completion = self.ticket.completions[0]
        self._unsaid += 1
        ended: EndReason | None = None if completion.finish_reason is None else "length"
        text, is_stopped = "", False
        logprobs: tuple[TokenLogprob, ...] = ()
        if token in self.job.settings.stop_ids:
            ended = "stop"
        else:
            text, is_stopped = self.writer.add(token)
            logprobs = tuple(map(self._named, [token], completion.likelihoods[-1:]))
        if ended and not is_stopped:
            rest, is_stopped = self.writer.end()
            text += rest
        if is_stopped:
            ended = "stop"
        if text or logprobs or ended:
            self._post(text, logprobs, ended)
        if ended and completion.finish_reason is None:
            self.engine.cancel(self.ticket)

    def let_go(self) -> None:
        """Nobody waits for more of it."""
        if not self.is_over and self.ticket is not None:
            self.is_over = True
            self.engine.cancel(self.ticket)

    def abort(self) -> None:
        """End it here, with what there is."""
        if not self.is_over:
            text, _ = self.writer.end()
            self._post(text, (), "abort")
            if self.ticket is not None:
                self.engine.cancel(self.ticket)

    def _post(self, text: str, logprobs: tuple[TokenLogprob, ...], ended: EndReason | None) -> None:
        known = self.ticket.num_known if self.ticket is not None and self._is_first else None
        piece = Piece(self.number, text, self._unsaid, logprobs, ended, known)
        self._unsaid, self._is_first, self.is_over = 0, False, ended is not None
        self._send(self.job, piece)

    def _named(self, token: int, likelihood: Likelihood) -> TokenLogprob:
        """A token and those in its place, by their texts."""
        top = tuple((self._decode([id]), logprob) for id, logprob in likelihood.top)
        return TokenLogprob(self._decode([token]), likelihood.logprob, top)
