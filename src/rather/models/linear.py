"""Frozen linear layers and heads, many rows in float32 where the processor is faster at that.

Elsewhere (`rather.models.processor.products` tries it) they keep the forward they have. What an
adapter adds is in `rather.models.lora`, products while decoding in `rather.models.decode.weights`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rather.models.lora import affine, computed
from rather.models.processor import products


def widen(decoder: nn.Module, head: nn.Module) -> None:
    """Give a decoder's linear layers and a head their faster forward, where it is one."""
    if not products.prefers_float32():
        return
    for module in (*decoder.modules(), head):
        if isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward:
            is_head = module is head and module.bias is None
            fast: Any = FastHead(module) if is_head else FastLinear(module)
            module.forward = fast  # type: ignore[method-assign]


@dataclass
class FastLinear:
    """A linear layer's forward."""

    module: nn.Linear

    def __call__(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        parts = affine(self.module, x.dtype)
        if parts.learns or products.precision(x.flatten(0, -2)) == x.dtype:
            return nn.Linear.forward(self.module, x)
        return computed(parts, x)


@dataclass
class FastHead:
    """A head's forward, a part of its many outputs at a time; as it was where a gradient flows."""

    module: nn.Linear

    def __call__(self, x: Tensor) -> Tensor:
        """[..., d] -> [..., V]."""
        if torch.is_grad_enabled():
            return nn.Linear.forward(self.module, x)
        made = products.many_outputs(x.flatten(0, -2), self.module.weight)
        return made.view(*x.shape[:-1], -1)
