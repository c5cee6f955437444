"""An adapter on disk: exactly a PEFT folder, so that plain PEFT and vLLM load it."""

import json
import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rather.errors import DataError
from rather.models.lora import LoraLayout, LoraShape, widths
from rather.models.source import read_json

PREFIX = "base_model.model."
PLAIN = {
    "use_dora": False,
    "use_rslora": False,
    "bias": "none",
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
}


def save_adapter(
    folder: Path, shape: LoraShape, weights: dict[str, Tensor], layout: LoraLayout, base: str
) -> None:
    """Write adapter_config.json and adapter_model.safetensors."""
    short = sorted({name.rsplit(".", 1)[-1] for name in shape.targets})
    layers = sorted({layout.layer_of[name] for name in shape.targets})
    partial = len(layers) < layout.num_layers
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "inference_mode": True,
        "r": shape.rank,
        "lora_alpha": shape.alpha,
        "lora_dropout": 0.0,
        "target_modules": short,
        "layers_to_transform": layers if partial else None,
        "layers_pattern": _stack_name(shape.targets[0]) if partial else None,
        "fan_in_fan_out": layout.is_transposed,
        **PLAIN,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    tensors = {PREFIX + key: w.detach().to("cpu").contiguous() for key, w in weights.items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def load_adapter(folder: Path, layout: LoraLayout) -> tuple[LoraShape, dict[str, Tensor]]:
    """Read a plain LoRA adapter for a model; DataError says why it cannot be used."""
    config = read_json(folder / "adapter_config.json")
    if config.get("peft_type") != "LORA":
        raise DataError(f"{folder} is not a LoRA adapter (no adapter_config.json saying LORA).")
    for key, plain in PLAIN.items():
        if config.get(key) not in (plain, None, [], False):
            raise DataError(f"{folder} uses {key}, which rather's LoRA layers do not have.")
    path = folder / "adapter_model.safetensors"
    if not path.exists():
        raise DataError(f"{path} is missing; pickled adapters (.bin) are never read.")
    try:
        weights = {key.removeprefix(PREFIX): w.float() for key, w in load_file(path).items()}
    except SafetensorError as error:
        raise DataError(f"{path} is damaged ({error}).") from None
    if odd := next((key for key, w in weights.items() if not torch.isfinite(w).all()), None):
        raise DataError(f"{path} has numbers that are not finite in {odd}.")
    rank, alpha = (_positive(config, key, folder) for key in ("r", "lora_alpha"))
    targets = {key.rsplit(".lora_", 1)[0] for key in weights}
    if unknown := sorted(targets - set(layout.names)):
        raise DataError(f"{folder} adapts {unknown[0]}, which the base model does not have.")
    ordered = tuple(name for name in layout.names if name in targets)
    return LoraShape(int(rank), alpha, ordered), weights


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


def _positive(config: dict[str, Any], key: str, folder: Path) -> float:
    number = config.get(key)
    if not isinstance(number, int | float) or not math.isfinite(number) or number <= 0:
        raise DataError(f"{folder} says {key} is {number!r}; it should be a number above 0.")
    return float(number)


def _stack_name(target: str) -> str:
    """`layers` of `model.layers.3.mlp.up_proj`: the part before the layer's number."""
    parts = target.split(".")
    return next(before for before, number in pairwise(parts) if number.isdigit())
