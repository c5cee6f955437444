"""Continuous batching on the machine's own backbone: requests join and leave between two tokens.

Whoever has requests hands them in and calls `step` until they are done. One step prefills what has
come and fits, or a piece of it, draws one token for every completion, lets those that ended go and
runs the rest.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import chain, repeat

import torch
from torch import Tensor

from rather.data.batch import Row, by_length, pack
from rather.models.backbone import Adapters, Backbone
from rather.models.decode.blocks import PROMPT_TOKENS, Blocks
from rather.models.decode.key_values import KeyValues
from rather.models.decode.layout import DecodeLayout
from rather.models.decode.pieces import PieceLayout
from rather.models.decode.prefixes import Prefixes
from rather.models.decode.weights import USUAL_ROWS, DecodeWeights
from rather.models.memory import device_memory
from rather.models.packed.layout import PackedLayout
from rather.models.processor import threads
from rather.rollout import drawing
from rather.rollout.arrivals import Arrival, Arrivals, Piece, owner_of
from rather.rollout.queue import Queue
from rather.rollout.requests import Ticket

MOST_ROWS = 256
"""Completions at once, at most: beyond that a step grows as fast as what it makes."""
PREFILL_TOKENS = 1024
"""Prompt tokens of one pass: more would not stay in the processor's caches from step to step."""


class Engine(Queue):
    """A running batch on one backbone; requests may differ in settings, adapter and length.

    What a completion draws depends on its own seed only. What is decoded beside it changes the last
    digit of its logits, and so hardly ever a token (`rather.equations.sampling`).
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        shares_prompts: bool = False,
        lays_out_for: int = USUAL_ROWS,
        is_invariant: bool = False,
        prompt_tokens: int | None = None,
        prefixes: Prefixes | None = None,
    ) -> None:
        """`shares_prompts` keeps a prompt once for all of a request's completions: for sampling
        several of each. `lays_out_for`: rows for which weights are copied, to speed up long
        decoding (0: they are not); they may not change meanwhile. `is_invariant` gives every
        request what it would have alone, to the last digit (`rather.models.decode.blocks`).
        `prompt_tokens` bounds those of one step; None computes prompts at once. `prefixes`
        remembers what was computed, for requests that begin alike."""
        assert prefixes is None or not shares_prompts, "what is shared is kept by its rows's prompt"
        assert not (is_invariant and shares_prompts), "what rows share depends on who they are"
        super().__init__(backbone.context)
        self.backbone = backbone
        self._blocks = Blocks() if is_invariant else None
        self._block = PROMPT_TOKENS if is_invariant else None
        self.weights = DecodeWeights(backbone, lays_out_for=lays_out_for, blocks=self._blocks)
        self.cache = KeyValues(shares_prompts=shares_prompts)
        self.most_bytes = device_memory(backbone.device) // 4
        """Memory for the keys and values of what runs."""
        self.prefixes = prefixes
        assert prefixes is None or prefixes.block == (self._block or 1), "keys are of other blocks"
        self._arrivals = Arrivals(prompt_tokens, prefixes, self._block or 1)
        self._rows: list[tuple[Ticket, int]] = []
        self._hidden = torch.zeros(0, backbone.hidden_size, device=backbone.device)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._waiting and not self._arrivals and not self._rows

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
        tickets = [*self._waiting, *self._arrivals.tickets]
        rows = len(self._rows) + sum(len(ticket.completions) for ticket in tickets)
        longest = max((_span(one) for one in self._joined(tickets)), default=0)
        return not rows or self._fits(rows + num_rows, max(span, longest))

    def forget(self, adapter: str) -> None:
        """Let go all that was made of an adapter: one of its name may be another from now on."""
        self.weights.forget(adapter)
        if self.prefixes is not None:
            self.prefixes.forget(adapter)

    @torch.inference_mode()
    def step(self) -> int:
        """One token for every completion that has joined; returns how many were drawn."""
        self._leave({row for row, (ticket, _) in enumerate(self._rows) if ticket.is_cancelled})
        self._waiting = deque(ticket for ticket in self._waiting if not ticket.is_cancelled)
        self._arrivals.let_go()
        with self.weights.in_use():
            self._arrivals.add(self._admitted())
            self._prefill(self._arrivals.next_pieces())
            num_drawn = len(self._rows)
            if self._rows:
                self._leave(self._draw())
            if self._rows:
                self._forward()
        return num_drawn

    def _admitted(self) -> list[Ticket]:
        """Waiting requests, in order, as long as they fit; one always does."""
        admitted: list[Ticket] = []
        arriving = list(self._arrivals.tickets)
        rows = len(self._rows) + sum(len(ticket.completions) for ticket in arriving)
        longest = max((_span(one) for one in self._joined(arriving)), default=0)
        while self._waiting:
            rows += len(self._waiting[0].completions)
            longest = max(longest, _span(self._waiting[0]))
            if not self._fits(rows, longest) and (self._rows or arriving or admitted):
                break
            admitted.append(self._waiting.popleft())
        return admitted

    def _joined(self, tickets: Iterable[Ticket]) -> Iterable[Ticket]:
        """Those of the rows, and others."""
        return chain((ticket for ticket, _ in self._rows), tickets)

    def _fits(self, rows: int, longest: int) -> bool:
        """Whether the cache has room for so many rows when all have grown to that length."""
        most = self.most_bytes // self.backbone.bytes_per_cached_token
        return rows <= MOST_ROWS and rows * longest <= most

    def _prefill(self, pieces: Sequence[Piece]) -> None:
        """Compute prompts, or pieces of them."""
        is_packed = self._blocks is None
        whole = [piece.arrival for piece in pieces if piece.is_whole and is_packed]
        rows = [Row(arrival.ids, ()) for arrival in whole]
        joining = sum(len(arrival.rows) for arrival in whole)
        self.cache.reserve(joining, 1 + max((row.num_tokens for row in rows), default=0))
        for part in by_length(rows, PREFILL_TOKENS):
            self._begin([whole[i] for i in part])
        if parts := [piece for piece in pieces if not (piece.is_whole and is_packed)]:
            self._go_on(parts)

    def _begin(self, arrivals: Sequence[Arrival]) -> None:
        """Whole prompts in one pass, whose keys are written where they stay."""
        rows = [Row(arrival.ids, ()) for arrival in arrivals]
        batch = pack(rows).to(self.backbone.device)
        lengths = [row.num_tokens for row in rows]
        self.cache.expect(lengths, [len(arrival.rows) for arrival in arrivals])
        layout = PackedLayout(batch, keep=self.cache)
        adapters = self._adapters(arrivals, lengths)
        lasts = _lasts(lengths).to(self.backbone.device)
        hidden = self.backbone.run(batch.input_ids, batch.position_ids, layout, adapters, lasts)
        self._seat(arrivals, hidden[lasts])

    def _go_on(self, pieces: Sequence[Piece]) -> None:
        """The next tokens of prompts of which some are known; those that end with them join."""
        arrivals, counts = (
            [piece.arrival for piece in pieces],
            [piece.num_tokens for piece in pieces],
        )
        ending = [number for number, piece in enumerate(pieces) if piece.is_last]
        ids = torch.tensor(list(chain.from_iterable(piece.ids for piece in pieces)))
        device = self.backbone.device
        layout = PieceLayout([one.keys for one in arrivals], counts, device, self._block)
        adapters = self._adapters(arrivals, counts)
        owners = [one.adapter for one in arrivals]
        with nullcontext() if self._blocks is None else self._blocks.of_prompts(counts, owners):
            hidden = self.backbone.run(ids.to(device), layout.positions, layout, adapters)
        if ending:
            done = [arrivals[number] for number in ending]
            copies = [len(arrival.rows) for arrival in done]
            self.cache.join([arrival.keys.span for arrival in done], copies)
            self._seat(done, hidden[_lasts(counts)[ending]])

    def _seat(self, arrivals: Sequence[Arrival], hidden: Tensor) -> None:
        """Let all completions begin whose prompts' keys have joined; their last states [R, d]."""
        copies = torch.tensor([len(one.rows) for one in arrivals], device=hidden.device)
        hidden = hidden.repeat_interleave(copies, dim=0)
        self._hidden = torch.cat([self._hidden, hidden]) if self._rows else hidden
        for arrival in arrivals:
            self._rows += arrival.rows
            self._remember(len(self._rows) - 1)

    def _remember(self, row: int) -> None:
        """Keep a row's text so far, for those that begin alike."""
        if self.prefixes is not None:
            ticket, number = self._rows[row]
            span = self.cache.span(row)
            text = (*ticket.request.prompt_ids, *ticket.completions[number].ids)
            self.prefixes.keep(owner_of(ticket), text[: span.num_tokens], span)

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
            for row in ended:
                self._remember(row)
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
        with threads.fit(self._hidden.numel()):
            self._hidden = self.backbone.run(tokens, layout.positions, layout, adapters)

    def _adapters(self, arrivals: Sequence[Arrival], counts: Sequence[int]) -> Adapters:
        """Of so many tokens of each prompt."""
        each = (repeat(one.adapter, n) for one, n in zip(arrivals, counts, strict=True))
        return self._by_place(chain.from_iterable(each))

    def _by_place(self, names: Iterable[str | None]) -> Adapters:
        """The adapter of all places, or the places of each."""
        places_of: dict[str | None, list[int]] = {}
        for place, name in enumerate(names):
            places_of.setdefault(name, []).append(place)
        if len(places_of) == 1 and (None in places_of or self._blocks is None):
            return next(iter(places_of))
        device = self.backbone.device
        return {name: torch.tensor(p, device=device) for name, p in places_of.items() if name}


def _lasts(lengths: Sequence[int]) -> Tensor:
    """[R] the places of the last tokens of texts that lie end to end."""
    return torch.tensor(lengths).cumsum(dim=0) - 1


def _span(ticket: Ticket) -> int:
    """Tokens a completion may come to, its prompt included."""
    return len(ticket.request.prompt_ids) + ticket.limit
