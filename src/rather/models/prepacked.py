"""Weights in the order a small product reads them, while tokens are decoded.

A decode step multiplies a few rows by every weight there is, so most of its time goes into reading
weights, and oneDNN, which lays each one out anew for the matrix units of the processor at every
call, reads them twice. Laid out once they are read once; the products stay the same numbers. The
copies take as much memory as the weights, so they live only as long as somebody decodes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rather.models.backbone import Backbone
from rather.models.lora import LoraLinear

USUAL_ROWS = 32
"""Rows the layout is best for; it serves any number."""


@dataclass
class PackedLinear:
    """A linear layer's forward on a weight that was laid out before."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


@contextmanager
def prepacked(backbone: Backbone) -> Iterator[None]:
    """For this long the backbone's linear layers read copies of their weights that are laid out
    for small products, and its adapters copies in its precision. Nothing may be trained meanwhile.

    Weights other than bfloat16 on a processor with bfloat16 units are read as they are.
    """
    modules = list(backbone.model.modules())
    linear = [module for module in modules if type(module) is nn.Linear and _can_be_packed(module)]
    adapted = [module for module in modules if isinstance(module, LoraLinear)]
    try:
        for layer in linear:
            laid_out = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), USUAL_ROWS)
            layer.forward = PackedLinear(laid_out, layer.bias)  # type: ignore[method-assign]
        for layer in adapted:
            layer.kept = {}
        yield
    finally:
        for layer in linear:
            del layer.forward
        for layer in adapted:
            layer.kept = None


def _can_be_packed(layer: nn.Linear) -> bool:
    weight = layer.weight
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.bfloat16
        and not weight.requires_grad
        and torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
