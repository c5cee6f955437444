"""Sampling on the machine's own backbone: one prefill a prompt, rows leave as they finish."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rather.data.batch import Row, pack
from rather.equations.sampling import filter_top_p, sample_inverse_cdf
from rather.interrupts import safe_point
from rather.models.backbone import Backbone
from rather.models.decoding import DecodeLayout, KeyValues
from rather.models.packed import PackedLayout
from rather.records import FinishReason


@dataclass(frozen=True)
class Request:
    """One prompt to answer, with one seed for each completion wanted."""

    prompt_ids: tuple[int, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Sampled:
    """One sampled completion; its ids end with the stop token when it stopped by itself."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Of each token, at the sampling temperature, before any top-p filter."""
    finish_reason: FinishReason


@dataclass(frozen=True)
class Settings:
    """How tokens are drawn; temperature 0 takes the likeliest."""

    temperature: float
    max_new_tokens: int
    stop_ids: tuple[int, ...]
    top_p: float = 1.0


def sample(
    backbone: Backbone,
    adapter: str | None,
    requests: Sequence[Request],
    settings: Settings,
    advance: Callable[[int], None] = lambda tokens: None,
) -> list[list[Sampled]]:
    """Completions of each request, in order; `advance` hears of every token as it is made.

    What a completion draws depends on its own seed only, never on what is decoded beside it.
    """
    with torch.inference_mode():
        decoding = _Decoding(backbone, adapter, requests, settings)
        while decoding.living.numel():
            safe_point()
            advance(decoding.step_once())
    return decoding.results()


class _Decoding:
    """The state of one batch of requests from prefill to the last stop token."""

    def __init__(
        self,
        backbone: Backbone,
        adapter: str | None,
        requests: Sequence[Request],
        settings: Settings,
    ) -> None:
        self.backbone, self.adapter, self.settings = backbone, adapter, settings
        self.requests = requests
        self.per_row = max(len(request.seeds) for request in requests)
        slots = len(requests) * self.per_row
        limit, device = settings.max_new_tokens, backbone.device
        self.ids = torch.zeros(slots, limit, dtype=torch.long, device=device)
        self.logprobs = torch.zeros(slots, limit, device=device)
        self.lengths = torch.zeros(slots, dtype=torch.long, device=device)
        self.uniforms = _uniforms(requests, self.per_row, limit).to(device)
        self.stop_ids = torch.tensor(settings.stop_ids, device=device)
        # slot numbers of the original grid, and of the shrinking cache's grid
        self.living = _wanted(requests, self.per_row).to(device)
        self.rows = torch.arange(len(requests), device=device)
        self.step = 0
        self._prefill()

    def _prefill(self) -> None:
        batch = pack([Row(r.prompt_ids, ()) for r in self.requests]).to(self.backbone.device)
        lengths = (batch.prompt_index < batch.num_tokens).sum(dim=1)
        self.cache = KeyValues(lengths, self.per_row, self.settings.max_new_tokens)
        layout = PackedLayout(batch, keep=self.cache)
        hidden = self.backbone.run(batch.input_ids, batch.position_ids, layout, self.adapter)
        # what does not fit the context cannot be trained on or scored: the row ends there
        limits = (self.backbone.context - lengths).clamp(1, self.settings.max_new_tokens)
        self.limits = limits.repeat_interleave(self.per_row)
        last = batch.prompt_index.gather(1, lengths[:, None] - 1)[:, 0]
        self.hidden = hidden[last].repeat_interleave(self.per_row, dim=0)[self.living]

    def step_once(self) -> int:
        """Draw one token for every living completion and run it; returns how many were drawn."""
        drawn = self._draw()
        ended = torch.isin(self.ids[self.living, self.step], self.stop_ids)
        self.step += 1
        self.living = self.living[~ended & (self.step < self.limits[self.living])]
        if self.living.numel():
            self._forward()
        return drawn

    def _draw(self) -> int:
        logits = self.backbone.logits(self.hidden).float()
        greedy = self.settings.temperature == 0
        logits = logits if greedy else logits / self.settings.temperature
        if greedy:
            token = logits.argmax(dim=-1)
        else:
            kept = filter_top_p(logits, self.settings.top_p)
            token = sample_inverse_cdf(kept, self.uniforms[self.living, self.step])
        self.ids[self.living, self.step] = token
        chosen = logits.gather(1, token[:, None])[:, 0]
        self.logprobs[self.living, self.step] = chosen - logits.logsumexp(dim=-1)
        self.lengths[self.living] += 1
        return int(token.numel())

    def _forward(self) -> None:
        self._drop_finished_rows()
        row = torch.searchsorted(self.rows, self.living // self.per_row)
        slots = row * self.per_row + self.living % self.per_row
        positions = self.cache.prompt_lengths[row] + self.step - 1
        layout = DecodeLayout(self.cache, slots, self.step - 1)
        tokens = self.ids[self.living, self.step - 1]
        self.hidden = self.backbone.run(tokens, positions, layout, self.adapter)

    def _drop_finished_rows(self) -> None:
        """Forget prompts whose completions have all ended, once they are a quarter of the cache."""
        alive = torch.isin(self.rows, self.living // self.per_row)
        if int(alive.sum()) <= 0.75 * self.rows.numel():
            self.cache.keep_rows(alive.nonzero()[:, 0])
            self.rows = self.rows[alive]

    def results(self) -> list[list[Sampled]]:
        """Every request's completions, in the order of its seeds."""
        ids, logprobs, lengths = self.ids.tolist(), self.logprobs.tolist(), self.lengths.tolist()
        stops = set(self.settings.stop_ids)

        def one(slot: int) -> Sampled:
            length = lengths[slot]
            reason: FinishReason = "stop" if ids[slot][length - 1] in stops else "length"
            return Sampled(tuple(ids[slot][:length]), tuple(logprobs[slot][:length]), reason)

        return [
            [one(row * self.per_row + n) for n in range(len(request.seeds))]
            for row, request in enumerate(self.requests)
        ]


def _uniforms(requests: Sequence[Request], per_row: int, limit: int) -> Tensor:
    """[R·N, limit] numbers in [0, 1), each completion's from a generator of its own seed.

    They stay in float64: in float32 the last of them round to 1, where no token lies.
    """
    table = torch.zeros(len(requests) * per_row, limit, dtype=torch.float64)
    for row, request in enumerate(requests):
        for n, seed in enumerate(request.seeds):
            generator = torch.Generator().manual_seed(seed)
            table[row * per_row + n] = torch.rand(limit, generator=generator, dtype=torch.float64)
    return table


def _wanted(requests: Sequence[Request], per_row: int) -> Tensor:
    """Slots of the grid that a seed asks for."""
    slots = [row * per_row + n for row, r in enumerate(requests) for n in range(len(r.seeds))]
    return torch.tensor(slots)
