"""The scalar head of reward and value models; what architectures do to a language head's output."""

import math

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


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


def scale_of(model: PreTrainedModel) -> float:
    """What an architecture multiplies its head's output with: Cohere's, Granite's, Falcon-H1's."""
    config = model.config
    times = [getattr(config, key, None) or 1.0 for key in ("logit_scale", "lm_head_multiplier")]
    return math.prod(times) / (getattr(config, "logits_scaling", None) or 1.0)


def softcap_of(model: PreTrainedModel) -> float | None:
    """Where an architecture caps its logits: Gemma 2's and RecurrentGemma's."""
    for key in ("final_logit_softcapping", "logits_soft_cap"):
        if (cap := getattr(model.config, key, None)) is not None:
            return float(cap)
    return None
