"""A model without its weights: enough to say whether an adapter fits, for no memory at all."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from rather.models.lora import LoraLayout, find_linear_layers


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
