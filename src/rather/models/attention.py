"""Attention over packed rows, plugged into transformers' own modules.

transformers lets a model name its attention function (`AttentionInterface`); ours ignores the
mask argument and asks the *layout* passed along with the call who may attend to whom:

- `PackedLayout`: a training or scoring pass over a `Batch`. Completions attend to their prompt's
  keys, computed once, and to themselves; nothing is padded outside the products in here.
- `DecodeLayout`: one new token for each living completion, against cached keys.

Heads that share a key (grouped-query attention) are folded into the query's length, so each
product is one plain batched matmul. Shapes: H key heads, G queries a key head, D head width.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface

from rather.data.batch import Batch
from rather.errors import UsageError

NAME = "rather_packed"
LARGE = 1 << 22
"""Attention weights of one layer (all heads) beyond which the backward pass makes them again
instead of keeping them: they grow with the square of the length, all else with the length."""


@dataclass(frozen=True)
class Style:
    """How a layer weighs its scores: scale, and what some architectures add."""

    scaling: float
    softcap: float | None = None
    sliding_window: int | None = None

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        """Softmax in float32 over the last axis, of the allowed positions only."""
        scores = scores.float() * self.scaling
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        return scores.masked_fill(~allowed, -1e30).softmax(dim=-1)

    def sees(self, query_positions: Tensor, key_positions: Tensor) -> Tensor:
        """True where a query may look at a key by distance alone."""
        distance = query_positions - key_positions
        near = distance >= 0
        return near if self.sliding_window is None else near & (distance < self.sliding_window)


class Layout(Protocol):
    """Who attends to whom in one forward pass."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """q [S, H·G, D], k and v [S, H, D] -> [S, H·G, D]."""


class PackedLayout:
    """A whole `Batch` at once: prompts causal, completions on their prompt and themselves."""

    def __init__(self, batch: Batch, keep: "KeyValues | None" = None) -> None:
        """`keep` takes each layer's prompt keys and values, to decode from afterwards."""
        self.keep = keep
        self.rows, self.longest_prompt = batch.prompt_index.shape
        self.per_row, self.longest = batch.completion_index.shape[1:]
        self.gather = torch.cat([batch.prompt_index.flatten(), batch.completion_index.flatten()])
        packed = batch.num_tokens
        places = torch.arange(self.gather.numel(), device=self.gather.device)
        real = self.gather < packed
        self.scatter = torch.empty(packed, dtype=torch.long, device=places.device)
        self.scatter[self.gather[real]] = places[real]
        self.gather = self.gather.clamp(max=packed - 1)
        self.prompt_lengths = (batch.prompt_index < packed).sum(dim=1)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`."""
        if torch.is_grad_enabled() and q.shape[1] * self.num_weights > LARGE:
            made: Tensor = checkpoint(
                self._attend, layer, q, k, v, style, use_reentrant=False, preserve_rng_state=False
            )
            return made
        return self._attend(layer, q, k, v, style)

    @property
    def num_weights(self) -> int:
        """Attention weights of one head."""
        on_both = self.longest * (self.longest_prompt + self.longest)
        return self.rows * (self.longest_prompt**2 + self.per_row * on_both)

    def _attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        heads, groups = k.shape[1], q.shape[1] // k.shape[1]
        split = self.rows * self.longest_prompt
        q_all, k_all, v_all = (x.index_select(0, self.gather) for x in (q, k, v))
        prompt_k, prompt_v = (self._prompt(x[:split], 1) for x in (k_all, v_all))
        if self.keep is not None:
            self.keep.add_prompt(layer, prompt_k, prompt_v)
        outputs = [
            self._prompt_attention(self._prompt(q_all[:split], groups), prompt_k, prompt_v, style)
        ]
        if self.longest:
            own = (self._own(x[split:], 1) for x in (k_all, v_all))
            outputs.append(
                self._completion_attention(
                    self._own(q_all[split:], groups), (prompt_k, prompt_v), tuple(own), style
                )
            )
        return (
            torch.cat(outputs).index_select(0, self.scatter).reshape(-1, heads * groups, v.shape[2])
        )

    def _prompt(self, x: Tensor, groups: int) -> Tensor:
        """[R·P, H·G, D] -> [R, H, P·G, D]."""
        x = x.view(self.rows, self.longest_prompt, -1, groups, x.shape[-1])
        return x.transpose(1, 2).flatten(2, 3)

    def _own(self, x: Tensor, groups: int) -> Tensor:
        """[R·N·C, H·G, D] -> [R, H, N, C·G, D]."""
        x = x.view(self.rows, self.per_row, self.longest, -1, groups, x.shape[-1])
        return x.permute(0, 3, 1, 2, 4, 5).flatten(3, 4)

    def _prompt_attention(self, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """Causal attention within prompts; [R, H, P·G, D] -> [R·P, H·G, D]."""
        groups = q.shape[2] // k.shape[2]
        positions = torch.arange(self.longest_prompt, device=q.device)
        allowed = style.sees(positions.repeat_interleave(groups)[:, None], positions[None, :])
        weights = style.weights(q @ k.transpose(-1, -2), allowed).to(v.dtype)
        out = (weights @ v).unflatten(2, (self.longest_prompt, groups))
        return out.transpose(1, 2).reshape(self.rows * self.longest_prompt, -1)

    def _completion_attention(
        self, q: Tensor, prompt: tuple[Tensor, Tensor], own: tuple[Tensor, ...], style: Style
    ) -> Tensor:
        """Completions on (prompt, themselves); q [R, H, N, C·G, D] -> [R·N·C, H·G·D]."""
        groups = q.shape[3] // self.longest
        steps = torch.arange(self.longest, device=q.device)
        per_query = steps.repeat_interleave(groups)
        before = torch.arange(self.longest_prompt, device=q.device)
        lengths = self.prompt_lengths[:, None, None]
        on_prompt = style.sees(lengths + per_query[None, :, None], before) & (before < lengths)
        on_self = style.sees(per_query[:, None], steps[None, :])
        allowed = torch.cat(
            [on_prompt, on_self.expand(self.rows, *on_self.shape)], dim=-1
        )  # [R, C·G, P + C]
        scores = torch.cat(
            [
                (q.flatten(2, 3) @ prompt[0].transpose(-1, -2)).unflatten(2, q.shape[2:4]),
                q @ own[0].transpose(-1, -2),
            ],
            dim=-1,
        )
        weights = style.weights(scores, allowed[:, None, None]).to(q.dtype)
        on_prompt_w, on_self_w = weights.split([self.longest_prompt, self.longest], dim=-1)
        out = (on_prompt_w.flatten(2, 3) @ prompt[1]).unflatten(2, q.shape[2:4]) + on_self_w @ own[
            1
        ]
        out = out.unflatten(3, (self.longest, groups))  # [R, H, N, C, G, D]
        return out.permute(0, 2, 3, 1, 4, 5).reshape(self.rows * self.per_row * self.longest, -1)


class KeyValues:
    """Cached keys and values: each prompt's once, each completion's own, layer by layer."""

    def __init__(self, prompt_lengths: Tensor, per_row: int, longest: int) -> None:
        """`longest` is the most tokens a completion may reach; memory grows as they do."""
        self.prompt_lengths = prompt_lengths  # [R]
        self.per_row = per_row
        self.longest = longest
        self.prompts: list[tuple[Tensor, Tensor]] = []  # a layer: [R, H, P, D]
        self.own: list[tuple[Tensor, Tensor]] = []  # a layer: [R·N, H, C, D]

    def add_prompt(self, layer: int, k: Tensor, v: Tensor) -> None:
        """Keep one layer's prompt keys and make room for its completions'."""
        assert layer == len(self.prompts)
        rows, heads = k.shape[:2]
        self.prompts.append((k.contiguous(), v.contiguous()))
        shape = (rows * self.per_row, heads, self.longest)
        self.own.append((k.new_zeros(*shape, k.shape[3]), v.new_zeros(*shape, v.shape[3])))

    def keep_rows(self, rows: Tensor) -> None:
        """Forget every prompt but these, with its completions."""
        slots = (
            rows[:, None] * self.per_row + torch.arange(self.per_row, device=rows.device)
        ).flatten()
        self.prompt_lengths = self.prompt_lengths[rows]
        self.prompts = [(k[rows], v[rows]) for k, v in self.prompts]
        self.own = [(k[slots], v[slots]) for k, v in self.own]


class DecodeLayout:
    """One token for each living completion, at the same step of all of them."""

    def __init__(self, cache: KeyValues, living: Tensor, step: int) -> None:
        """`living` [A] are the completions' slots (row · N + n) that still grow."""
        self.cache, self.living, self.step = cache, living, step
        self.slots = cache.prompt_lengths.numel() * cache.per_row

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`; S = A living completions."""
        heads, groups = k.shape[1], q.shape[1] // k.shape[1]
        own_k, own_v = self.cache.own[layer]
        own_k[self.living, :, self.step], own_v[self.living, :, self.step] = k, v
        seen = self.step + 1
        own_k, own_v = own_k[:, :, :seen], own_v[:, :, :seen]
        prompt_k, prompt_v = self.cache.prompts[layer]
        rows, per_row = prompt_k.shape[0], self.cache.per_row
        grid = q.new_zeros(self.slots, heads, groups, q.shape[2])
        grid[self.living] = q.view(-1, heads, groups, q.shape[2])
        # [R, H, N·G, D] against the shared prompt, [R·N, H, G, D] against their own tokens
        shared = grid.view(rows, per_row, heads, groups, -1).transpose(1, 2).flatten(2, 3)
        on_prompt = (shared @ prompt_k.transpose(-1, -2)).unflatten(2, (per_row, groups))
        on_prompt = on_prompt.transpose(1, 2).flatten(0, 1)  # [R·N, H, G, P]
        scores = torch.cat([on_prompt, grid @ own_k.transpose(-1, -2)], dim=-1)
        weights = style.weights(scores, self._allowed(style, prompt_k.shape[2])).to(q.dtype)
        on_prompt, on_self = weights.split([prompt_k.shape[2], seen], dim=-1)
        on_prompt = on_prompt.unflatten(0, (rows, per_row)).transpose(1, 2).flatten(2, 3)
        out = (on_prompt @ prompt_v).unflatten(2, (per_row, groups)).transpose(1, 2).flatten(0, 1)
        out = out + on_self @ own_v  # [R·N, H, G, D]
        return out[self.living].flatten(1, 2)

    def _allowed(self, style: Style, longest_prompt: int) -> Tensor:
        """[R·N, 1, 1, P + step + 1] where this step may look."""
        lengths = self.cache.prompt_lengths.repeat_interleave(self.cache.per_row)[:, None]
        before = torch.arange(longest_prompt, device=lengths.device)
        steps = torch.arange(self.step + 1, device=lengths.device)
        here = lengths + self.step
        on_prompt = style.sees(here, before) & (before < lengths)
        return torch.cat([on_prompt, style.sees(here, lengths + steps)], dim=1)[:, None, None]


class AskedLayers:
    """Computes nothing; remembers which layers ask for attention, to refuse models that mix tokens
    in another way (convolutions, recurrences): packed neighbours would leak into each other."""

    def __init__(self) -> None:
        self.layers: list[int] = []

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`."""
        self.layers.append(layer)
        return v.repeat_interleave(q.shape[1] // v.shape[1], dim=1)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    layout: Layout | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **other: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: [1, H·G, S, D] in, [1, S, H·G, D] out.

    Raises UsageError for a model that asks for more than a layout can give.
    """
    assert query.shape[0] == 1, "packed rows travel as a batch of one"
    if layout is None or attention_mask is not None or other.get("s_aux") is not None:
        raise UsageError(
            f"{type(module).__name__} has its own masks or attention sinks, which packed attention "
            "does not have; choose another model."
        )
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    style = Style(scaling=scale, softcap=softcap, sliding_window=sliding_window)
    return layout.attend(
        int(module.layer_idx),  # type: ignore[arg-type]
        q,
        k,
        v,
        style,
    )[None], None


AttentionInterface.register(NAME, packed_attention)
