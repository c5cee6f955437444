"""LoRA adapters on one frozen backbone, many at once; a switch says which one is on.

The layer computes h·W + (h·Aᵀ)·Bᵀ·(α/r) (Hu et al. 2021, §4.1, https://arxiv.org/abs/2106.09685).
The delta is never merged into a bfloat16 weight, which would lose it by rounding. Weights that
learn are kept in float32, others perhaps in less; all are used in the backbone's precision. The
gradient is written out in `rather.models.affine`. On disk an adapter is a plain PEFT folder
(`rather.models.adapter_files`).
"""

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from rather.errors import UsageError
from rather.models.affine import Affine
from rather.models.processor import products


@dataclass(frozen=True)
class LoraShape:
    """What an adapter looks like: which layers it touches and how wide it is."""

    rank: int
    alpha: float
    targets: tuple[str, ...]
    """Full names of the adapted linear layers, below the causal language model."""


@dataclass
class Switch:
    """Which adapter the backbone's layers add right now; None is the bare backbone."""

    active: str | None = None
    rows: Mapping[str, Tensor] = field(default_factory=dict)
    """Instead of one for all, each adapter's rows of what passes through: for `DecodeWeights`."""


@dataclass(frozen=True)
class LoraLayout:
    """The linear layers of a model that could be adapted, in order, by decoder layer."""

    names: tuple[str, ...]
    num_layers: int
    layer_of: dict[str, int] = field(default_factory=dict)
    is_transposed: bool = False
    """The layers keep their weights as [inputs, outputs] (GPT-2's Conv1D)."""

    def without(self, unused: Collection[str]) -> "LoraLayout":
        """The same without some of the layers."""
        layer_of = {name: at for name, at in self.layer_of.items() if name not in unused}
        return replace(self, names=tuple(layer_of), layer_of=layer_of)

    def select(
        self, wanted: tuple[str, ...] | str, top_layers: int | None, depth: int | None = None
    ) -> tuple[str, ...]:
        """Full names of the layers to adapt, of the first `depth`; UsageError if nothing fits."""
        depth = self.num_layers if depth is None else depth
        short = {name.rsplit(".", 1)[-1] for name in self.names}
        if wanted != "all-linear" and (unknown := set(wanted) - short):
            raise UsageError(
                f"adapter.target_modules: the model has no linear layer named "
                f"{', '.join(sorted(unknown))}; it has {', '.join(sorted(short))}."
            )
        lowest = 0 if top_layers is None else depth - top_layers
        if lowest < 0:
            raise UsageError(
                f"adapter.num_top_layers is {top_layers}, but the model has {depth} layers"
                f"{'' if depth == self.num_layers else f' that are read, of {self.num_layers}'}."
            )
        return tuple(
            name
            for name in self.names
            if lowest <= self.layer_of[name] < depth
            and (wanted == "all-linear" or name.rsplit(".", 1)[-1] in wanted)
        )


class LoraLinear(nn.Module):
    """A frozen linear layer with any number of low-rank additions, one of which may be on."""

    def __init__(self, base: nn.Module, switch: Switch) -> None:
        super().__init__()
        self.base = base
        self.switch = switch
        self.a = nn.ParameterDict()
        self.b = nn.ParameterDict()
        self.scale: dict[str, float] = {}

    def add(self, name: str, rank: int, alpha: float, generator: torch.Generator) -> None:
        """A new adapter that changes nothing yet: A uniform (Kaiming), B zero."""
        weight: Tensor = self.base.weight  # type: ignore[assignment]
        outputs, inputs = widths(self.base)
        bound = math.sqrt(1 / inputs)
        a = torch.empty(rank, inputs).uniform_(-bound, bound, generator=generator)
        b = torch.zeros(outputs, rank, device=weight.device)
        self.attach(name, a.to(weight.device), b, alpha / rank)

    def attach(self, name: str, a: Tensor, b: Tensor, scale: float) -> None:
        """An adapter that does not learn yet, in any precision: A [r, inputs], B [outputs, r]."""
        self.a[name] = nn.Parameter(a, requires_grad=False)
        self.b[name] = nn.Parameter(b, requires_grad=False)
        self.scale[name] = scale

    def remove(self, name: str) -> None:
        """Forget an adapter."""
        del self.a[name], self.b[name], self.scale[name]

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs], with the active adapter's addition."""
        parts = self.affine(x.dtype)
        if parts.a is None:
            out: Tensor = self.base(x)
            return out
        return computed(parts, x)

    def affine(self, dtype: torch.dtype) -> Affine:
        """What the layer computes right now, in a precision."""
        assert not self.switch.rows, "only DecodeWeights gives each row its own adapter"
        name = self.switch.active
        if name is None or name not in self.a:
            return Affine(self.base)
        a, b = self.a[name].to(dtype), self.b[name].to(dtype)
        return Affine(self.base, a, b, self.scale[name])


def widths(layer: nn.Module) -> tuple[int, int]:
    """Outputs and inputs of a linear layer, adapted or not."""
    base = layer.base if isinstance(layer, LoraLinear) else layer
    weight: Tensor = base.weight  # type: ignore[assignment]
    outputs, inputs = weight.shape[::-1] if isinstance(base, Conv1D) else weight.shape
    return int(outputs), int(inputs)


def affine(layer: nn.Module, dtype: torch.dtype) -> Affine:
    """What a linear layer computes right now, adapted or not."""
    if isinstance(layer, LoraLinear):
        return layer.affine(dtype)
    return Affine(layer)


def computed(parts: Affine, x: Tensor) -> Tensor:
    """What a frozen layer and its adapter make of x: [..., inputs] -> [..., outputs]."""
    flat = x.reshape(-1, x.shape[-1])
    if torch.is_grad_enabled():
        made: Tensor = _Product.apply(flat, parts.a, parts.b, parts)  # type: ignore[no-untyped-call]
    else:
        made = parts(flat)[0]
    return made.view(*x.shape[:-1], -1)


class _Product(torch.autograd.Function):
    """`Affine` with an adapter that learns, each sum written where the one before it lies."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, b: Tensor, parts: Affine) -> Tensor:
        out, low = parts(x)
        ctx.parts = parts
        ctx.save_for_backward(None if low is None else x, low)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, low = ctx.saved_tensors
        grad = products.put("grad", grads[0], products.precision(grads[0]))
        # nothing may learn below the first adapted layer
        made = ctx.parts.gradients(grad, x, low, wanted=ctx.needs_input_grad[0])
        return *(None if one is None else one.to(grads[0].dtype) for one in made), None


def decoder_layers(decoder: nn.Module) -> tuple[str, nn.ModuleList]:
    """A decoder's stack of layers, with its name; UsageError where it has none."""
    for name, module in decoder.named_children():
        if isinstance(module, nn.ModuleList):
            return name, module
    raise UsageError(f"{type(decoder).__name__} has no stack of layers; choose another model.")


def find_linear_layers(model: nn.Module, decoder: nn.Module) -> LoraLayout:
    """The linear layers inside the decoder's stack of layers (heads and embeddings are not)."""
    prefix = next(name for name, module in model.named_modules() if module is decoder)
    stack_name, stack = decoder_layers(decoder)
    layer_of: dict[str, int] = {}
    is_transposed = False
    for index, layer in enumerate(stack):
        for name, module in layer.named_modules():
            if isinstance(module, (nn.Linear, Conv1D)):
                layer_of[f"{prefix}.{stack_name}.{index}.{name}"] = index
                is_transposed |= isinstance(module, Conv1D)
    return LoraLayout(tuple(layer_of), len(stack), layer_of, is_transposed)


@contextmanager
def unused_layers(model: nn.Module, layout: LoraLayout) -> Iterator[set[str]]:
    """Linear layers that are not called in a pass, as the set says afterwards.

    Some architectures read a layer's weight and multiply by themselves (Mamba's step sizes); an
    adapter on it would be passed by.
    """
    unused = set(layout.names)
    hooks = [
        model.get_submodule(name).register_forward_pre_hook(
            lambda *_, name=name: unused.discard(name)
        )
        for name in layout.names
    ]
    yield unused
    for hook in hooks:
        hook.remove()


def adapted_layers(
    model: nn.Module, names: tuple[str, ...], switch: Switch
) -> Iterator[LoraLinear]:
    """The named linear layers as LoRA layers, wrapped on first use."""
    for name in names:
        parent_name, _, child = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        module = getattr(parent, child)
        if not isinstance(module, LoraLinear):
            module = LoraLinear(module, switch)
            setattr(parent, child, module)
        yield module


def without_adapters(model: PreTrainedModel) -> PreTrainedModel:
    """The model itself, its linear layers no longer wrapped."""
    wrapped = [name for name, module in model.named_modules() if isinstance(module, LoraLinear)]
    for name in wrapped:
        parent_name, _, child = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        setattr(parent, child, getattr(parent, child).base)
    return model
