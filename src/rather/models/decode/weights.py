"""A backbone's linear layers as decoding wants them: laid out once, fewer and larger.

A decode step multiplies a few rows by every weight there is, so its time goes into reading weights
and into calls.

- oneDNN lays a bfloat16 weight out anew for the processor's matrix units at every call, which reads
  it twice. Laid out once, it is read once; the products stay the same numbers.
- Layers that read the same input (queries, keys and values; gate and up) are one product, and so
  are their adapters (`rather.models.decode.additions`).
- A and B are put into the backbone's precision once.
- Where float32 is faster (`rather.models.processor.products`), weights are laid out as such for
  many rows, if that takes little of the machine's memory; products are rounded as ever. Where they
  are not, prompts and other passes of many tokens put one weight after the other into float32.

The copies take as much memory as the weights, so they live as long as somebody decodes; and the
memory of weights that lie in their file is given back meanwhile (`rather.models.storage.mapped`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from rather.models.backbone import Backbone
from rather.models.decode.additions import Additions, Strangers
from rather.models.decode.blocks import Blocks, at_least_two
from rather.models.lora import LoraLinear, widths
from rather.models.memory import device_memory
from rather.models.processor import products, threads
from rather.models.storage.mapped import MappedFiles

TOGETHER = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Children of one module that are given the same input; they check that they are."""
USUAL_ROWS = 32
"""Rows the layout is best for; it serves any number."""
MANY_ROWS = 96
"""From so many on a quarter of the time is worth a copy in float32; of 64 rows it is a tenth."""
LITTLE = 8
"""Weights are laid out as float32 where that takes at most so small a part of the memory."""


class LaidOut(NamedTuple):
    """Weights [Σ outputs, inputs] in oneDNN's order, and their bias."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """[S, inputs] -> [S, Σ outputs]."""
        if self.weight.dtype == x.dtype and products.precision(x) != x.dtype:
            return products.many_outputs(x, self.weight.to_dense(), self.bias)
        rows = x.to(self.weight.dtype)
        with threads.fit(threads.size_of_product(self.weight.numel(), len(x))):
            made = torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")
        return made.to(x.dtype)


class DecodeWeights:
    """The products of a backbone, whose weights do not change meanwhile; adapters come and go."""

    def __init__(
        self, backbone: Backbone, *, lays_out_for: int, blocks: Blocks | None = None
    ) -> None:
        """`lays_out_for` so many rows (0: not at all) it copies the weights, where that is of use
        on this machine; `blocks` cut every product."""
        self.backbone = backbone
        self.lays_out = lays_out_for > 0
        self.blocks = blocks
        has_many = blocks is None and lays_out_for >= MANY_ROWS
        is_wide = has_many and _fits_as_float32(backbone)
        self._dtype = torch.float32 if is_wide else backbone.model.dtype
        self._made_with: tuple[str, ...] | None = None
        self._products: list[Product] = []
        self._laid_out: dict[tuple[int, ...], LaidOut] = {}
        self._strangers = Strangers()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """For this long the backbone's layers compute by these products; only without gradients."""
        adapters = tuple(self.backbone.shapes)
        if self._made_with != adapters:
            known = {product.key: product for product in self._products}
            files = MappedFiles()
            self._products = [
                self._product(layers, known, files) for layers in _groups(self.backbone.model)
            ]
            self._made_with = adapters
        try:
            for product in self._products:
                product.take_over()
            yield
        finally:
            for product in self._products:
                product.hand_back()

    def forget(self, adapter: str) -> None:
        """An adapter of that name may be another one from now on."""
        for product in self._products:
            product.additions.forget(adapter)
        self._made_with = None

    def _product(
        self,
        layers: list[nn.Module],
        known: Mapping[tuple[int, ...], "Product"],
        files: MappedFiles,
    ) -> "Product":
        """The product of some layers; what it knows of adapters that stayed, it keeps."""
        bases = [layer.base if isinstance(layer, LoraLinear) else layer for layer in layers]
        key = tuple(map(id, bases))
        if self.lays_out and key not in self._laid_out and all(map(_can_be_laid_out, bases)):
            self._laid_out[key] = _lay_out(bases, self._dtype)
            files.give_back(base.weight for base in bases)  # type: ignore[misc]
        own = [widths(base)[0] for base in bases]
        additions = Additions(layers, own, self._strangers, self.blocks)
        made = Product(layers, bases, self._laid_out.get(key), additions, self.blocks)
        if key in known:
            made.additions.keep(known[key].additions)
        return made


class Product:
    """Linear layers that read the same input, as one."""

    def __init__(
        self,
        layers: Sequence[nn.Module],
        bases: Sequence[nn.Module],
        laid_out: LaidOut | None,
        additions: Additions,
        blocks: Blocks | None,
    ) -> None:
        """`bases` are the layers without their adapters, whose part `additions` are."""
        self.layers, self.bases, self.laid_out = layers, bases, laid_out
        self.key = tuple(map(id, bases))
        self.widths = [widths(base)[0] for base in bases]
        self.additions, self._blocks = additions, blocks
        self._input: Tensor | None = None
        self._parts: tuple[Tensor, ...] = ()
        self._own: list[Any] = []

    def take_over(self) -> None:
        """Compute for the layers, whose adapters may have come or gone since."""
        self._own = [vars(layer).get("forward") for layer in self.layers]
        for number, layer in enumerate(self.layers):
            layer.forward = lambda x, number=number: self.part(number, x)

    def hand_back(self) -> None:
        """Let the layers compute for themselves."""
        self._forget()
        for layer, own in zip(self.layers, self._own, strict=True):
            del layer.forward
            if own is not None:
                layer.forward = own

    def part(self, number: int, x: Tensor) -> Tensor:
        """One layer's output; the first that meets an input computes those of all."""
        if x is not self._input:
            self._input, self._parts = x, self(x).split(self.widths, dim=-1)
        part = self._parts[number]
        if number == len(self.layers) - 1:
            self._forget()
        return part

    def _forget(self) -> None:
        self._input, self._parts = None, ()

    def __call__(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., all outputs], with the adapters that are on."""
        flat = x.reshape(-1, x.shape[-1])
        if self._blocks is None:
            outs = [self._of_base(flat)]
        else:
            outs = [at_least_two(self._of_base, flat[part]) for part in self._blocks.of(len(flat))]
        out = outs[0] if len(outs) == 1 else torch.cat(outs)
        self.additions.add_to(out, flat)
        return out.view(*x.shape[:-1], -1)

    def _of_base(self, x: Tensor) -> Tensor:
        """[S, inputs] -> [S, all outputs], in one product."""
        if self.laid_out:
            return self.laid_out(x)
        outs = [type(base).forward(base, x) for base in self.bases]
        return outs[0] if len(outs) == 1 else torch.cat(outs, dim=-1)


def _groups(model: nn.Module) -> Iterator[list[nn.Module]]:
    """The linear layers of a model, those with the same input together."""
    for parent in model.modules():
        if isinstance(parent, LoraLinear):
            continue
        linear = {
            name: child
            for name, child in parent.named_children()
            if isinstance(child, (LoraLinear, nn.Linear, Conv1D))
        }
        for names in TOGETHER:
            if all(name in linear for name in names):
                yield [linear.pop(name) for name in names]
        for layer in linear.values():
            yield [layer]


def _can_be_laid_out(layer: nn.Module) -> bool:
    """Whether oneDNN has a layout for it, on a processor with bfloat16 products."""
    return (
        type(layer) is nn.Linear
        and layer.weight.device.type == "cpu"
        and layer.weight.dtype == torch.bfloat16
        and torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def _fits_as_float32(backbone: Backbone) -> bool:
    """Whether float32 is faster here, and takes little enough of the memory."""
    if backbone.device.type != "cpu" or not products.prefers_float32():
        return False
    weights = sum(widths(one)[0] * widths(one)[1] for g in _groups(backbone.model) for one in g)
    return 4 * weights <= device_memory(backbone.device) // LITTLE


def _lay_out(layers: Sequence[nn.Module], dtype: torch.dtype) -> LaidOut:
    weights: list[Tensor] = [layer.weight.detach() for layer in layers]  # type: ignore[operator]
    biases: list[Tensor | None] = [layer.bias for layer in layers]  # type: ignore[misc]
    joined = None
    if any(bias is not None for bias in biases):
        joined = torch.cat(
            [w.new_zeros(len(w)) if b is None else b for w, b in zip(weights, biases, strict=True)]
        )
    one = (weights[0] if len(weights) == 1 else torch.cat(weights)).to(dtype)
    weight = torch.ops.mkldnn._reorder_linear_weight(one, USUAL_ROWS)
    return LaidOut(weight, None if joined is None else joined.to(dtype))
