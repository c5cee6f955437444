"""One backbone, held once; every role is an adapter and a head on it.

`Backbone.run` is the only way through the network: packed tokens in, hidden states out, with one
adapter (or none) switched on. Nobody else toggles adapters.
"""

import copy
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rather.data.batch import Batch, Lower, Row, pack
from rather.errors import DataError, UsageError
from rather.models.attention import NAME, AskedLayers, CannotPack, Layout
from rather.models.fused import fuse
from rather.models.heads import scale_of, softcap_of
from rather.models.layers import Stack
from rather.models.linear import widen
from rather.models.lora import (
    LoraShape,
    Switch,
    adapted_layers,
    decoder_layers,
    find_linear_layers,
    unused_layers,
    without_adapters,
)
from rather.models.passage import Packed, Passage, Unpacked

Adapters = str | None | Mapping[str, Tensor]
"""One adapter for all tokens, none, or the tokens (their places in the pack) of each of several."""

LOGITS_RTOL = 2e-2
"""How far a model's own logits may be from ours: a few roundings of bfloat16."""


class Backbone:
    """A causal language model with adapters; frozen unless it is a `full` copy."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Take over a loaded model: evaluation mode, frozen, our attention where that can be."""
        self.model = model.eval().requires_grad_(False)
        self.decoder: nn.Module = model.get_decoder()
        self.head: nn.Module = model.get_output_embeddings()
        self.linear_layers = find_linear_layers(model, self.decoder)
        self.stack = Stack(decoder_layers(self.decoder)[1])
        self.shapes: dict[str, LoraShape] = {}
        self.is_in_four_bits = False
        """Whether its layers are kept in 4 bits; they never learn then."""
        self._switch = Switch()
        self._cached_numbers = 0
        self.why_padded = self._take_over_attention()
        """Why this architecture's batches are padded, at a cost; None where they are packed."""
        if self.why_padded is None:
            fuse(self.decoder)
        widen(self.decoder, self.head)
        self._scale, self._softcap = scale_of(model), softcap_of(model)
        self._examine()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @property
    def hidden_size(self) -> int:
        """Width d of the hidden states."""
        return int(self.model.config.hidden_size)

    @property
    def context(self) -> int:
        """Most positions the model was built for."""
        return int(getattr(self.model.config, "max_position_embeddings", 1 << 30))

    @property
    def bytes_per_cached_token(self) -> int:
        """Memory that the keys and values of one token take, in all layers; 0 where unknown."""
        return self._cached_numbers * self.model.dtype.itemsize

    def run(
        self,
        ids: Tensor,
        positions: Tensor,
        layout: Layout,
        adapter: Adapters,
        read: Tensor | None = None,
    ) -> Tensor:
        """Hidden states of packed tokens: ids [S], positions [S] -> [S, d]; `read` as in `hidden`.

        Adapters of some tokens each find them by their places: then none is left out.
        """
        assert self.why_padded is None
        self.switch_to(adapter)
        by_place = isinstance(adapter, Mapping)
        with nullcontext() if read is None or by_place else self.stack.reading(None, read):
            at = {"input_ids": ids[None], "position_ids": positions[None]}
            return self._decoded(**at, layout=layout)[0]

    def switch_to(self, adapter: Adapters) -> None:
        """Let the layers add an adapter from now on; for whoever runs the model by itself."""
        by_row = {} if adapter is None or isinstance(adapter, str) else adapter
        one = adapter if isinstance(adapter, str) else None
        for name in (*by_row, *([one] if one else [])):
            assert name in self.shapes, f"no adapter {name}"
        self._switch.active, self._switch.rows = one, by_row

    def hidden(
        self,
        batch: Batch,
        adapter: str | None,
        depth: int | None = None,
        read: Tensor | None = None,
    ) -> Tensor:
        """Hidden states of a whole batch after its first `depth` layers (None: all): [S, d].

        Lower layers that are known are not run again, and the last one does not all its work for
        tokens that are not among `read` (their places, each once): what is there is not to be used.
        """
        depth = len(self.stack) if depth is None else depth
        lower = batch.lower
        is_known = lower is not None and lower.source is self
        passage = self._passage(batch)
        self.switch_to(adapter)
        with ExitStack() as only:
            only.enter_context(self.stack.first(depth))
            if read is not None and isinstance(passage, Packed):
                only.enter_context(self.stack.reading(depth, read))
            if lower and is_known and lower.depth <= min(depth, self.lowest_layer(adapter)):
                known = passage.spread(lower.hidden)
                only.enter_context(self.stack.above(lower.depth, known))
            return passage.collect(self._decoded(**passage.inputs()))

    def save_memory(self) -> None:
        """Keep of every layer only its input for the backward pass: gradient checkpointing."""
        self.stack.recompute(self._switch)

    def depth_of(self, share: float) -> int:
        """How many layers a share of them is, at least one."""
        return max(1, round(share * len(self.stack)))

    def parameters_below(self, depth: int | None) -> dict[str, nn.Parameter]:
        """All weights by name, without those of the layers from `depth` on (None: with them)."""
        unread = {id(p) for layer in self.stack.from_layer(depth) for p in layer.parameters()}
        return {name: p for name, p in self.model.named_parameters() if id(p) not in unread}

    @torch.no_grad()
    def lower(self, batch: Batch, depth: int) -> Lower:
        """What the first `depth` layers give without an adapter: the same for all roles above."""
        passage = self._passage(batch)
        self.switch_to(None)
        with self.stack.below(depth) as found:
            self._decoded(**passage.inputs())
        return Lower(self, depth, passage.collect(found[0]))

    def lowest_layer(self, adapter: str | None) -> int:
        """The first decoder layer an adapter changes; all of them are above it for no adapter."""
        if adapter is None:
            return len(self.stack)
        return min(self.linear_layers.layer_of[name] for name in self.shapes[adapter].targets)

    def logits(self, hidden: Tensor) -> Tensor:
        """Next-token logits: [..., d] -> [..., V]."""
        logits: Tensor = self.head(hidden)
        if self._scale != 1:
            logits = logits * self._scale
        return logits if self._softcap is None else self._softcap * (logits / self._softcap).tanh()

    @property
    def head_is_linear_and_frozen(self) -> bool:
        """Whether logits are h·Wᵀ with a W that is not trained."""
        plain = isinstance(self.head, nn.Linear) and self.head.bias is None
        is_bare = self._softcap is None and self._scale == 1
        return plain and is_bare and not self.head.weight.requires_grad

    def add_adapter(self, name: str, shape: LoraShape, seed: int = 0) -> None:
        """A new adapter that changes nothing yet; its random half depends on the seed only."""
        assert name not in self.shapes, f"adapter {name} exists"
        generator = torch.Generator().manual_seed(seed)
        for layer in adapted_layers(self.model, shape.targets, self._switch):
            layer.add(name, shape.rank, shape.alpha, generator)
        self.shapes[name] = shape

    def attach_adapter(self, name: str, shape: LoraShape, weights: Mapping[str, Tensor]) -> None:
        """An adapter that is only used: its weights, checked, as they are and not a copy."""
        assert name not in self.shapes, f"adapter {name} exists"
        layers = adapted_layers(self.model, shape.targets, self._switch)
        for target, layer in zip(shape.targets, layers, strict=True):
            a, b = (weights[f"{target}.lora_{side}.weight"] for side in "AB")
            layer.attach(name, a, b, shape.alpha / shape.rank)
        self.shapes[name] = shape

    def remove_adapter(self, name: str) -> None:
        """Forget an adapter and free its memory."""
        for layer in adapted_layers(self.model, self.shapes.pop(name).targets, self._switch):
            layer.remove(name)

    def adapter_parameters(self, name: str) -> dict[str, nn.Parameter]:
        """An adapter's weights by PEFT's names (without its `base_model.model.` prefix)."""
        targets = self.shapes[name].targets
        layers = adapted_layers(self.model, targets, self._switch)
        found: dict[str, nn.Parameter] = {}
        for target, layer in zip(targets, layers, strict=True):
            found[f"{target}.lora_A.weight"] = layer.a[name]
            found[f"{target}.lora_B.weight"] = layer.b[name]
        return found

    def load_adapter(self, name: str, weights: dict[str, Tensor]) -> None:
        """Copy weights into an adapter of the same shape; UsageError when they do not fit."""
        own = self.adapter_parameters(name)
        if own.keys() != weights.keys():
            odd = sorted(own.keys() ^ weights.keys())[0]
            raise UsageError(f"The adapter does not fit this model: {odd} is on one side only.")
        with torch.no_grad():
            for key, parameter in own.items():
                if parameter.shape != weights[key].shape:
                    raise UsageError(
                        f"The adapter does not fit this model: {key} is {list(weights[key].shape)} "
                        f"where {list(parameter.shape)} is needed."
                    )
                parameter.copy_(weights[key])

    def trainable_copy(self) -> "Backbone":
        """A second, float32, fully trainable copy (tuning: full), without adapters."""
        twin = Backbone(without_adapters(copy.deepcopy(self.model)).float())
        twin.model.requires_grad_(True)
        return twin

    def _passage(self, batch: Batch) -> Passage:
        return Packed(batch) if self.why_padded is None else Unpacked(batch)

    def _decoded(self, **inputs: Any) -> Tensor:
        """What the decoder gives, in the shape of what it was given."""
        hidden: Tensor = self.decoder(**inputs, use_cache=False).last_hidden_state
        return hidden

    def _take_over_attention(self) -> str | None:
        """Put our attention in; where a layer mixes tokens by anything else, say so and do not."""
        own = self.model.config._attn_implementation
        if not self.model._supports_attention_backend:
            return "its attention cannot be replaced"
        self.model.set_attn_implementation(NAME)
        try:
            why = self._why_not_packed()
        except CannotPack as error:
            why = str(error)
        if why is not None:
            self.model.set_attn_implementation(own)
        return why

    @torch.no_grad()
    def _why_not_packed(self) -> str | None:
        kinds = set(getattr(self.model.config, "layer_types", None) or ())
        if odd := kinds - {"full_attention", "sliding_attention"}:
            return f"some of its layers are not plain attention ({', '.join(sorted(odd))})"
        asked, token = AskedLayers(), torch.zeros(1, 1, dtype=torch.long, device=self.device)
        self._decoded(input_ids=token, position_ids=token, layout=asked)
        if asked.layers != list(range(len(self.stack))):
            return "some of its layers are not plain attention"
        self._cached_numbers = asked.cached_numbers
        return None

    @torch.no_grad()
    def _examine(self) -> None:
        """Learn from one pass what differs between architectures.

        UsageError where logits are made in a way that `logits` does not know, DataError where they
        are no numbers."""
        passage = self._passage(pack([Row((0,), ((0, 0),))]).to(self.device))
        inputs = passage.inputs()
        with self.stack.watched(), unused_layers(self.model, self.linear_layers) as unused:
            its = self.model(**inputs, use_cache=False).logits.float()
        if not torch.isfinite(its).all():
            raise DataError(
                f"This {type(self.model).__name__} makes numbers that are not finite: its weights "
                "are damaged."
            )
        if self.why_padded is not None:  # of packed ones, experts nobody was sent to are used too
            self.linear_layers = self.linear_layers.without(unused)
        ours = self.logits(self._decoded(**inputs)).float()
        if not torch.allclose(
            its, ours, rtol=LOGITS_RTOL, atol=LOGITS_RTOL * float(its.abs().max())
        ):
            raise UsageError(
                f"{type(self.model).__name__} makes its logits in a way rather does not know; "
                "choose another architecture."
            )
