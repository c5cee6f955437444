"""A model without its weights: enough to say whether an adapter fits, for no memory at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from rather.errors import DataError
from rather.models.lora import LoraLayout, LoraShape, find_linear_layers, widths


@dataclass(frozen=True)
class Skeleton:
    """A model folder's modules, their weights nothing but shapes."""

    model: nn.Module
    linear_layers: LoraLayout


def skeleton_of(folder: Path) -> Skeleton:
    """The skeleton of a checked model folder (see `rather.models.source`)."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return Skeleton(model, find_linear_layers(model, model.get_decoder()))


def require_fit(model: nn.Module, shape: LoraShape, weights: Mapping[str, Tensor]) -> None:
    """DataError says where weights (by PEFT's names) are not those of an adapter on this model."""
    wanted: dict[str, tuple[int, int]] = {}
    for target in shape.targets:
        outputs, inputs = widths(model.get_submodule(target))
        wanted[f"{target}.lora_A.weight"] = shape.rank, inputs
        wanted[f"{target}.lora_B.weight"] = outputs, shape.rank
    if odd := sorted(wanted.keys() ^ weights.keys()):
        raise DataError(f"The adapter does not fit this model: {odd[0]} is on one side only.")
    for key, size in wanted.items():
        if tuple(weights[key].shape) != size:
            raise DataError(
                f"The adapter does not fit this model: {key} is {list(weights[key].shape)} "
                f"where {list(size)} is needed."
            )
