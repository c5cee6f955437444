"""One backbone, held once; every role is an adapter and a head on it.

`Backbone.run` is the only way through the network: packed tokens in, hidden states out, with one
adapter (or none) switched on. Nobody else toggles adapters.
"""

import copy
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from rather.data.batch import Batch, Lower
from rather.errors import DataError, UsageError
from rather.models.attention import NAME, AskedLayers, Layout
from rather.models.fused import fuse
from rather.models.layers import Stack
from rather.models.lora import (
    LoraLayout,
    LoraShape,
    Switch,
    adapted_layers,
    decoder_layers,
    find_linear_layers,
    without_adapters,
)
from rather.models.packed import PackedLayout

Adapters = str | None | Mapping[str, Tensor]
"""One adapter for all tokens, none, or the tokens (their places in the pack) of each of several."""


class Backbone:
    """A causal language model with adapters; frozen unless it is a `full` copy."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Take over a loaded model: evaluation mode, frozen, our attention."""
        _require_plain_head(model)
        model.set_attn_implementation(NAME)
        self.model = model.eval().requires_grad_(False)
        self.decoder: nn.Module = model.get_decoder()
        fuse(self.decoder)
        self.head: nn.Module = model.get_output_embeddings()
        self.linear_layers = find_linear_layers(model, self.decoder)
        self.stack = Stack(decoder_layers(self.decoder)[1])
        self.shapes: dict[str, LoraShape] = {}
        self._switch = Switch()
        self._softcap: float | None = getattr(model.config, "final_logit_softcapping", None)
        self._require_packing()

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
        """Memory that the keys and values of one token take, in all layers."""
        return self._cached_numbers * self.model.dtype.itemsize

    def run(self, ids: Tensor, positions: Tensor, layout: Layout, adapter: Adapters) -> Tensor:
        """Hidden states of packed tokens: ids [S], positions [S] -> [S, d]."""
        by_row = {} if adapter is None or isinstance(adapter, str) else adapter
        one = adapter if isinstance(adapter, str) else None
        for name in (*by_row, *([one] if one else [])):
            assert name in self.shapes, f"no adapter {name}"
        self._switch.active, self._switch.rows = one, by_row
        output = self.decoder(
            input_ids=ids[None], position_ids=positions[None], layout=layout, use_cache=False
        )
        hidden: Tensor = output.last_hidden_state[0]
        return hidden

    def hidden(self, batch: Batch, adapter: str | None, depth: int | None = None) -> Tensor:
        """Hidden states of a whole batch after its first `depth` layers (None: all): [S, d].

        Lower layers that are known are not run again.
        """
        depth = len(self.stack) if depth is None else depth
        lower = batch.lower
        is_known = lower is not None and lower.source is self
        with ExitStack() as only:
            only.enter_context(self.stack.first(depth))
            if lower and is_known and lower.depth <= min(depth, self.lowest_layer(adapter)):
                only.enter_context(self.stack.above(lower.depth, lower.hidden))
            return self.run(batch.input_ids, batch.position_ids, PackedLayout(batch), adapter)

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
        with self.stack.below(depth) as found:
            self.run(batch.input_ids, batch.position_ids, PackedLayout(batch), None)
        return Lower(self, depth, found[0])

    def lowest_layer(self, adapter: str | None) -> int:
        """The first decoder layer an adapter changes; all of them are above it for no adapter."""
        if adapter is None:
            return len(self.stack)
        return min(self.linear_layers.layer_of[name] for name in self.shapes[adapter].targets)

    def logits(self, hidden: Tensor) -> Tensor:
        """Next-token logits: [..., d] -> [..., V]."""
        logits: Tensor = self.head(hidden)
        return logits if self._softcap is None else self._softcap * (logits / self._softcap).tanh()

    @property
    def head_is_linear_and_frozen(self) -> bool:
        """Whether logits are h·Wᵀ with a W that is not trained."""
        plain = isinstance(self.head, nn.Linear) and self.head.bias is None
        return plain and self._softcap is None and not self.head.weight.requires_grad

    def add_adapter(self, name: str, shape: LoraShape, seed: int = 0) -> None:
        """A new adapter that changes nothing yet; its random half depends on the seed only."""
        assert name not in self.shapes, f"adapter {name} exists"
        generator = torch.Generator().manual_seed(seed)
        for layer in adapted_layers(self.model, shape.targets, self._switch):
            layer.add(name, shape.rank, shape.alpha, generator)
        self.shapes[name] = shape
        for parameter in self.adapter_parameters(name).values():
            parameter.requires_grad_(False)

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

    @torch.no_grad()
    def _require_packing(self) -> None:
        """Refuse a model with a layer that mixes tokens by anything but our attention."""
        asked, token = AskedLayers(), torch.zeros(1, dtype=torch.long, device=self.device)
        self.run(token, token, asked, None)
        self._cached_numbers = asked.cached_numbers
        kinds = set(getattr(self.model.config, "layer_types", None) or ())
        odd = kinds - {"full_attention", "sliding_attention"}
        if odd or asked.layers != list(range(len(self.stack))):
            raise UsageError(
                f"{type(self.model).__name__} has layers that are not plain attention"
                f"{' (' + ', '.join(sorted(odd)) + ')' if odd else ''}; choose another model."
            )


def load_backbone(folder: Path, dtype: torch.dtype, device: torch.device | str) -> Backbone:
    """Load a checked model folder (see `rather.models.source`) without running any code from it.

    DataError says why a folder cannot be loaded.
    """
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (ValueError, KeyError, OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DataError(f"The model in {folder} cannot be loaded: {reason}.") from error
    model.to(torch.device(device))  # type: ignore[arg-type]
    return Backbone(model)


@dataclass(frozen=True)
class Skeleton:
    """A model folder's modules, their weights nothing but shapes: whether an adapter fits."""

    model: nn.Module
    linear_layers: LoraLayout


def skeleton_of(folder: Path) -> Skeleton:
    """The skeleton of a checked model folder; takes no memory."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return Skeleton(model, find_linear_layers(model, model.get_decoder()))


def _require_plain_head(model: PreTrainedModel) -> None:
    """Refuse architectures whose logits are not the head's output (scaled), or without packing."""
    name = type(model).__name__
    for key in ("logit_scale", "logits_scaling", "lm_head_multiplier"):
        if getattr(model.config, key, 1) not in (None, 1, 1.0):
            raise UsageError(f"{name} scales its logits ({key}); rather does not support that yet.")
    if not model._supports_attention_backend:
        raise UsageError(f"{name} cannot run packed attention; choose another architecture.")
