"""Linear layers whose frozen weights lie in 4 bits: QLoRA.

A weight is kept in blocks of 64 numbers, each one of sixteen values (NormalFloat) times the block's
largest; the blocks' largest are kept in 8 bits themselves. It is spread out into the backbone's
precision for each product, and not kept: Dettmers et al. 2023, §3, https://arxiv.org/abs/2305.14314.
"""

from typing import Any

import torch
from torch import Tensor, nn

from rather.models.backbone import Backbone
from rather.models.storage.bits import bitsandbytes_for


class FourBitLinear(nn.Linear):
    """A frozen linear layer; `weight` is made anew whenever it is asked for."""

    def __init__(self, layer: nn.Linear, device: torch.device | str) -> None:
        """Take over a layer's weight, put on a device."""
        nn.Module.__init__(self)  # the weight of `nn.Linear` would stand in the way of ours
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.bias = layer.bias
        self._functional: Any = bitsandbytes_for("dtype: 4bit").functional
        packed, self._state = self._functional.quantize_4bit(
            layer.weight.detach().to(device), quant_type="nf4", compress_statistics=True
        )
        self.register_buffer("packed", packed, persistent=False)

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """[outputs, inputs], in the precision it had."""
        made: Tensor = self._functional.dequantize_4bit(self.packed, self._state)
        return made


def keep_in_four_bits(backbone: Backbone, device: torch.device | str) -> None:
    """Pack the weights of a backbone's layers, and move all of it to a device.

    Layer by layer, so that the device never holds them whole; embeddings, norms and head stay.
    """
    for name in backbone.linear_layers.names:
        parent_name, _, child = name.rpartition(".")
        parent = backbone.model.get_submodule(parent_name)
        layer = getattr(parent, child)
        if isinstance(layer, nn.Linear):  # GPT-2's are kept the other way round, and stay
            setattr(parent, child, FourBitLinear(layer, device))
    backbone.model.to(torch.device(device))
    backbone.is_in_four_bits = True
