"""What a stage trains: an adapter on all layers, on the topmost ones, or a full copy."""

from dataclasses import dataclass

import torch
from torch import nn

from rather.config.optimization import Adapter
from rather.errors import UsageError
from rather.models.backbone import Backbone
from rather.models.lora import LoraShape
from rather.models.roles import Policy
from rather.models.storage.shards import Shards


@dataclass(frozen=True)
class Tuned:
    """A trainable trunk: where it runs, its adapter (None for a full copy), and its weights."""

    backbone: Backbone
    adapter: str | None
    parameters: dict[str, nn.Parameter]
    depth: int | None = None
    """How many of the backbone's layers are read; None for all."""
    shards: tuple[Shards, ...] = ()
    """Its parts, where the backbone is spread over ranks."""


def start_tuning(
    start: Policy, name: str, section: Adapter, seed: int, depth: int | None = None
) -> Tuned:
    """A trainable trunk that computes exactly what `start` does, until it is trained.

    Of a trunk that is read after `depth` layers, the layers above do not learn.
    A start with an adapter is continued in a copy of that adapter, which keeps its shape; `tuning`
    then says which of its layers learn.
    """
    if section.tuning == "full":
        return _full_copy(start, depth, section)
    backbone = start.backbone
    if section.gradient_checkpointing:
        backbone.save_memory()
    top = section.num_top_layers if section.tuning == "top_layers" else None
    targets = backbone.linear_layers.select(section.target_modules, top, depth)
    if start.adapter is None:
        backbone.add_adapter(name, LoraShape(section.rank, section.alpha, targets), seed)
    else:
        shape = backbone.shapes[start.adapter]
        if (shape.rank, shape.alpha) != (section.rank, section.alpha):
            raise UsageError(
                f"{start.adapter} has an adapter of rank {shape.rank} and alpha {shape.alpha:g}; "
                f"set adapter.rank and adapter.alpha to these, or start from base."
            )
        backbone.add_adapter(name, shape)
        backbone.load_adapter(name, dict(backbone.adapter_parameters(start.adapter)))
    learning = {
        key: parameter
        for key, parameter in backbone.adapter_parameters(name).items()
        if key.rsplit(".lora_", 1)[0] in targets
    }
    if not learning:
        raise UsageError(
            f"The adapter of {start.adapter} has none of the layers that tuning: {section.tuning} "
            "would train; use tuning: lora."
        )
    for parameter in learning.values():
        parameter.requires_grad_(True)
    return Tuned(backbone, name, learning, depth)


def _full_copy(start: Policy, depth: int | None, section: Adapter) -> Tuned:
    if start.adapter is not None:
        raise UsageError(
            f"tuning: full cannot start from {start.adapter}, which is an adapter; start from base "
            "or from a version trained with tuning: full."
        )
    copy = whole_copy(start.backbone, depth, section)
    # the reference computes as precisely as what learns beside it, or KL would not begin at 0
    start.backbone.model.float()
    return copy


def whole_copy(backbone: Backbone, depth: int | None, section: Adapter) -> Tuned:
    """A float32 copy of all weights that learns, spread over the ranks where there are several.

    Raises UsageError where the weights are kept in 4 bits.
    """
    if backbone.is_in_four_bits:
        raise UsageError(
            "dtype: 4bit keeps weights that never learn; set adapter.tuning: lora or top_layers "
            "(of a critic: value_model: adapter or trunk), or dtype: auto."
        )
    copy = backbone.trainable_copy()
    if section.gradient_checkpointing:
        copy.save_memory()
    shards = (Shards(copy),) if section.sharded and torch.distributed.is_initialized() else ()
    return Tuned(copy, None, copy.parameters_below(depth), depth, shards)
