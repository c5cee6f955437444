"""The scalar head of reward and value models."""

import math

import torch
from torch import Tensor, nn


class ScalarHead(nn.Module):
    """hidden [..., d] -> one number [...], minus a stored bias that centres it.

    Weights start at N(0, 1/√(d+1)) so that first scores are of order one (Stiennon et al. 2020,
    appendix B, as released); computed in float32 whatever the backbone's precision.
    """

    def __init__(self, width: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(width, generator=generator) / math.sqrt(width + 1)
        self.weight = nn.Parameter(weight)
        self.register_buffer("bias", torch.zeros(()))
        self.bias: Tensor

    @classmethod
    def zero(cls, width: int) -> "ScalarHead":
        """A head that gives 0 until trained: how a new critic starts (Ziegler et al. 2019)."""
        head = cls(width)
        nn.init.zeros_(head.weight)
        return head

    def forward(self, hidden: Tensor) -> Tensor:
        """[..., d] -> [...]."""
        return hidden.float() @ self.weight - self.bias
