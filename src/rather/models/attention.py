"""Attention over packed rows, plugged into transformers' own modules.

transformers lets a model name its attention function (`AttentionInterface`); ours ignores the
mask argument and asks the *layout* passed along with the call who may attend to whom:

- `PackedLayout` (`rather.models.packed.layout`): a training or scoring pass over a `Batch`.
  Completions attend to their prompt's keys, computed once, and to themselves.
- `DecodeLayout` (`rather.models.decode.layout`): one new token a completion, against cached keys.

Heads that share a key (grouped-query attention) are folded into the query's length, so each
product is one plain batched matmul. Shapes: H key heads, G queries a key head, D head width.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn
from transformers import AttentionInterface

NAME = "rather_packed"


class CannotPack(Exception):
    """A model asks for more of its attention than a layout can give."""


@dataclass(frozen=True)
class Style:
    """How a layer weighs its scores: scale, and what some architectures add."""

    scaling: float
    softcap: float | None = None
    sliding_window: int | None = None

    def cap(self, scores: Tensor) -> Tensor:
        """Scaled scores held within ± softcap: c·tanh(s/c)."""
        assert self.softcap is not None
        return (scores / self.softcap).tanh_().mul_(self.softcap)

    def cap_slope(self, capped: Tensor) -> Tensor:
        """∂ cap / ∂ score, from what `cap` gave: 1 − tanh²."""
        assert self.softcap is not None
        return 1 - (capped / self.softcap).square_()

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


class AskedLayers:
    """Computes nothing; remembers which layers ask for attention, to tell models that mix tokens in
    another way (convolutions, recurrences): packed neighbours would leak into each other."""

    def __init__(self) -> None:
        self.layers: list[int] = []
        self.cached_numbers = 0
        """What all layers keep of a token, to attend to it later."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`."""
        self.layers.append(layer)
        self.cached_numbers += k[0].numel() + v[0].numel()
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

    Raises CannotPack for a model that asks for more than a layout can give.
    """
    assert query.shape[0] == 1, "packed rows travel as a batch of one"
    if layout is None or attention_mask is not None or other.get("s_aux") is not None:
        raise CannotPack(f"{type(module).__name__} has its own masks or attention sinks")
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
