"""Attention over packed rows, plugged into transformers' own modules.

transformers lets a model name its attention function (`AttentionInterface`); ours ignores the
mask argument and asks the *layout* passed along with the call who may attend to whom:

- `PackedLayout`: a training or scoring pass over a `Batch`. Completions attend to their prompt's
  keys, computed once, and to themselves; nothing is padded outside the products in here.
- `DecodeLayout` (`rather.models.decoding`): one new token a completion, against cached keys.

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


class Keeper(Protocol):
    """Whoever decodes from the prompts afterwards."""

    def add_prompt(self, layer: int, k: Tensor, v: Tensor) -> None:
        """One layer's keys and values of all prompts: [R, H, P, D]."""


class PackedLayout:
    """A whole `Batch` at once: prompts causal, completions on their prompt and themselves."""

    def __init__(self, batch: Batch, keep: "Keeper | None" = None) -> None:
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
