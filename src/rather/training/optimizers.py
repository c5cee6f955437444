"""The optimizers a learner may use: AdamW, its moments in 32 bits or in 8."""

from typing import Any

import torch
from torch import Tensor, nn

from rather.config.optimization import Optimization
from rather.errors import UsageError
from rather.models.storage.bits import bitsandbytes_for
from rather.models.storage.shards import is_spread, own_part

MOMENTS = ("exp_avg", "exp_avg_sq")
"""Of 32 bits, in the shape of their weight."""
BLOCKS = ("state1", "state2", "qmap1", "qmap2", "absmax1", "absmax2")
"""Of 8 bits: bytes, what they stand for, and each block's largest."""


def make_optimizer(section: Optimization, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """AdamW for groups of weights that have their `lr`.

    With 8 bits (Dettmers et al. 2021, https://arxiv.org/abs/2110.02861) small weights keep 32.
    Raises UsageError for 8 bits of weights spread over ranks, EnvironmentFault without
    bitsandbytes.
    """
    settings: dict[str, Any] = {"eps": section.adam_epsilon, "weight_decay": section.weight_decay}
    if section.optimizer == "adamw":
        # one pass over each weight and its moments, where the default makes ten
        return torch.optim.AdamW(groups, fused=True, **settings)
    if any(is_spread(weight) for group in groups for weight in group["params"]):
        raise UsageError(
            "optimizer: adamw_8bit keeps moments in blocks that ranks cannot share; set "
            "adapter.sharded: false, or optimizer: adamw."
        )
    optim = bitsandbytes_for("optimizer: adamw_8bit").optim
    made: torch.optim.Optimizer = optim.AdamW8bit(groups, **settings)
    return made


def state_of(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> dict[str, Tensor]:
    """What an optimizer remembers of a weight; nothing before its first update."""
    return {
        # what bytes stand for is one tensor for all weights there; a file has no shared ones
        key: value.clone() if key.startswith("qmap") else torch.as_tensor(value)
        for key, value in optimizer.state.get(weight, {}).items()
    }


def put_state(
    optimizer: torch.optim.Optimizer, weight: nn.Parameter, found: dict[str, Tensor]
) -> None:
    """Put back what `state_of` gave, each rank its own part of it."""
    optimizer.state[weight] = {
        # one that computes in one pass wants its count of updates beside the weight, too
        key: own_part(value, weight) if key in MOMENTS else value.to(weight.device)
        for key, value in found.items()
    }
    if not isinstance(optimizer, torch.optim.AdamW):  # which counts in a tensor, others in an int
        optimizer.state[weight]["step"] = int(found["step"])
