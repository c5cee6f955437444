"""Continuous batching on the machine's own backbone: requests join and leave between two tokens.

Whoever has requests hands them in and calls `step` until they are done. One step prefills what has
come and fits, draws one token for every completion, lets those that ended go and runs the rest.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain

import torch

from rather.data.batch import Row, pack, split_by_tokens
from rather.models.backbone import Adapters, Backbone
from rather.models.decode.key_values import KeyValues
from rather.models.decode.layout import DecodeLayout
from rather.models.decode.weights import DecodeWeights
from rather.models.memory import device_memory
from rather.models.packed import PackedLayout
from rather.rollout import drawing
from rather.rollout.queue import Queue
from rather.rollout.requests import Ticket

MOST_ROWS = 256
"""Completions at once, at most: beyond that a step grows as fast as what it makes."""
PREFILL_TOKENS = 4096
"""Prompt tokens of one pass."""


class Engine(Queue):
    """A running batch on one backbone; requests may differ in settings, adapter and length.

    What a completion draws depends on its own seed only, never on what is decoded beside it.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        shares_prompts: bool = False,
        lays_out: bool = True,
        most_bytes: int | None = None,
    ) -> None:
        """`shares_prompts` keeps a prompt once for all of a request's completions: for sampling
        several of each. `lays_out` copies weights where that speeds up long decoding; they may
        not change meanwhile. `most_bytes` bounds the cache: a quarter of the device's memory where
        it is None."""
        super().__init__(backbone.context)
        self.backbone = backbone
        self.weights = DecodeWeights(backbone, lays_out=lays_out)
        self.cache = KeyValues(shares_prompts=shares_prompts)
        self.most_bytes = most_bytes or device_memory(backbone.device) // 4
        self._rows: list[tuple[Ticket, int]] = []
        self._hidden = torch.zeros(0, backbone.hidden_size, device=backbone.device)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._waiting and not self._rows

    @property
    def num_rows(self) -> int:
        """Completions that are being decoded."""
        return len(self._rows)

    def prepare(self) -> None:
        """Lay the weights out now, not while the first request waits for it."""
        with self.weights.in_use():
            pass

    def has_room(self, num_rows: int, span: int) -> bool:
        """Whether so many completions, each with its prompt of at most so many tokens, could join
        at the next step beside what runs and waits; by itself anything could."""
        there = [*(ticket for ticket, _ in self._rows), *self._waiting]
        rows = len(self._rows) + sum(len(ticket.completions) for ticket in self._waiting)
        return not there or self._fits(rows + num_rows, max(span, *map(_span, there)))

    @torch.inference_mode()
    def step(self) -> int:
        """One token for every completion that has joined; returns how many were drawn."""
        self._leave({row for row, (ticket, _) in enumerate(self._rows) if ticket.is_cancelled})
        self._waiting = deque(ticket for ticket in self._waiting if not ticket.is_cancelled)
        with self.weights.in_use():
            self._join(self._admitted())
            num_drawn = len(self._rows)
            if self._rows:
                self._leave(self._draw())
            if self._rows:
                self._forward()
        return num_drawn

    def _admitted(self) -> list[Ticket]:
        """Waiting requests, in order, as long as they fit; one always does."""
        admitted: list[Ticket] = []
        rows, longest = len(self._rows), max((_span(ticket) for ticket, _ in self._rows), default=0)
        while self._waiting:
            rows += len(self._waiting[0].completions)
            longest = max(longest, _span(self._waiting[0]))
            if not self._fits(rows, longest) and (self._rows or admitted):
                break
            admitted.append(self._waiting.popleft())
        return admitted

    def _fits(self, rows: int, longest: int) -> bool:
        """Whether the cache has room for so many rows when all have grown to that length."""
        most = self.most_bytes // self.backbone.bytes_per_cached_token
        return rows <= MOST_ROWS and rows * longest <= most

    def _join(self, admitted: Sequence[Ticket]) -> None:
        """Prefill the prompts of requests; one that several ask with the same adapter, once."""
        askers: dict[tuple[str | None, tuple[int, ...]], list[Ticket]] = {}
        for ticket in admitted:
            askers.setdefault((ticket.adapter, ticket.request.prompt_ids), []).append(ticket)
        rows, tickets = [Row(ids, ()) for _, ids in askers], list(askers.values())
        for part in split_by_tokens(rows, PREFILL_TOKENS):
            self._prefill([rows[i] for i in part], [tickets[i] for i in part])

    def _prefill(self, rows: list[Row], askers: Sequence[Sequence[Ticket]]) -> None:
        """Compute prompts, and let all completions of those who asked each begin from it."""
        batch = pack(rows).to(self.backbone.device)
        joining = [
            [(ticket, n) for ticket in tickets for n in range(len(ticket.completions))]
            for tickets in askers
        ]
        copies = list(map(len, joining))
        lengths = [len(row.prompt_ids) for row in rows]
        self.cache.expect(lengths, copies)
        layout = PackedLayout(batch, keep=self.cache)
        adapters = self._by_place(
            tickets[0].adapter
            for tickets, length in zip(askers, lengths, strict=True)
            for _ in range(length)
        )
        hidden = self.backbone.run(batch.input_ids, batch.position_ids, layout, adapters)
        last = torch.tensor(lengths, device=hidden.device).cumsum(dim=0) - 1
        hidden = hidden[last].repeat_interleave(torch.tensor(copies, device=hidden.device), dim=0)
        self._hidden = torch.cat([self._hidden, hidden]) if self._rows else hidden
        self._rows += chain.from_iterable(joining)

    def _draw(self) -> set[int]:
        """One token for every row; the rows that end with it."""
        wanted = [
            drawing.Row(ticket.settings, ticket.completions[number])
            for ticket, number in self._rows
        ]
        ended = set()
        logits = self.backbone.logits(self._hidden)
        drawn = drawing.draw(logits, wanted)
        drawing.note_likelihoods(logits, wanted, [token for token, _ in drawn])
        for row, ((ticket, number), (token, logprob)) in enumerate(
            zip(self._rows, drawn, strict=True)
        ):
            ticket.add(number, token, logprob)
            if ticket.completions[number].finish_reason:
                ended.add(row)
        return ended

    def _leave(self, ended: set[int]) -> None:
        if ended:
            order = self.cache.remove(ended)
            self._rows = [self._rows[row] for row in order]
            self._hidden = self._hidden[order]

    def _forward(self) -> None:
        """Run every row's newest token."""
        device = self.backbone.device
        newest = [ticket.completions[number].ids[-1] for ticket, number in self._rows]
        layout = DecodeLayout(self.cache, device)
        tokens = torch.tensor(newest, device=device)
        adapters = self._by_place(ticket.adapter for ticket, _ in self._rows)
        self._hidden = self.backbone.run(tokens, layout.positions, layout, adapters)

    def _by_place(self, names: Iterable[str | None]) -> Adapters:
        """The adapter of all places, or the places of each."""
        places_of: dict[str | None, list[int]] = {}
        for place, name in enumerate(names):
            places_of.setdefault(name, []).append(place)
        if len(places_of) == 1:
            return next(iter(places_of))
        device = self.backbone.device
        return {name: torch.tensor(p, device=device) for name, p in places_of.items() if name}


def _span(ticket: Ticket) -> int:
    """Tokens a completion may come to, its prompt included."""
    return len(ticket.request.prompt_ids) + ticket.limit
