"""An adapter merged into its base: a plain Hugging Face folder that needs neither PEFT nor us.

W + (α/r)·B·A (Hu et al. 2021, §4.1, https://arxiv.org/abs/2106.09685), in float32, then rounded
once to the precision of the folder. One weight is in memory at a time, besides a file that is being
written; every other file of the base is copied as it is, so that what was tied, sharded or special
stays so.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from rather.errors import DataError
from rather.models.source import HUB_FILES, read_json

INDEX = "model.safetensors.index.json"
NOT_COPIED = (INDEX, "manifest.json")
"""Written anew: of the base they would be wrong."""


@dataclass(frozen=True)
class Delta:
    """What an adapter adds to one linear layer."""

    a: Tensor
    """[r, inputs]"""
    b: Tensor
    """[outputs, r]"""
    scale: float
    """α/r"""
    is_transposed: bool
    """The layer keeps its weight as [inputs, outputs] (GPT-2's Conv1D)."""

    def added_to(self, weight: Tensor) -> Tensor:
        """The layer's weight with the adapter in it, in float32."""
        delta = self.scale * (self.b.float() @ self.a.float())
        return weight.float() + (delta.t() if self.is_transposed else delta)


def merge(
    base: Path,
    deltas: Mapping[str, Delta],
    folder: Path,
    dtype: torch.dtype | None = None,
    advance: Callable[[int], None] = lambda weights: None,
) -> None:
    """Write the base with its adapted layers merged into `folder`, which exists and is empty.

    `deltas` by the layers' names; `dtype` None keeps each weight's own. DataError where the base
    is quantized or lacks a layer.
    """
    config = read_json(base / "config.json")
    if "quantization_config" in config:
        raise DataError(f"{base} is quantized; merge into the model it was made from.")
    left, total = dict(deltas), 0
    weight_map: dict[str, str] = {}
    for file in weight_files(base):
        merged = {}
        with safe_open(base / file, framework="pt") as weights:
            names = weights.keys()
            for name in names:
                delta = _of(left, name)
                weight = weights.get_tensor(name)
                kept = weight.dtype if dtype is None or not weight.is_floating_point() else dtype
                merged[name] = (delta.added_to(weight) if delta else weight).to(kept).contiguous()
                total += merged[name].nbytes
                advance(1)
        save_file(merged, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(merged, file)
    if left:
        raise DataError(
            f"{base} has no weight named {min(left)}.weight, which the adapter changes."
        )
    if (base / INDEX).exists():
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    _copy_others(base, folder)
    if dtype is not None:
        config.pop("torch_dtype", None)
        config["dtype"] = str(dtype).removeprefix("torch.")
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def weight_files(base: Path) -> list[str]:
    """The names of a model folder's weight files, as its index or transformers' habit has them."""
    if index := read_json(base / INDEX):
        return sorted(set(index["weight_map"].values()))
    return ["model.safetensors"]


def num_weights(base: Path) -> int:
    """How many weights a model folder has."""
    found = 0
    for file in weight_files(base):
        with safe_open(base / file, framework="pt") as weights:
            found += len(weights.keys())
    return found


def _of(left: dict[str, Delta], weight: str) -> Delta | None:
    """Take out what belongs to a weight, in whose name a file may leave out the model's prefix."""
    layer = weight.removesuffix(".weight")
    if layer in left:
        return left.pop(layer)
    found = next((name for name in left if layer != weight and name.endswith(f".{layer}")), None)
    return None if found is None else left.pop(found)


def _copy_others(base: Path, folder: Path) -> None:
    for pattern in HUB_FILES:
        for path in base.glob(pattern):
            if path.suffix != ".safetensors" and path.name not in NOT_COPIED:
                shutil.copyfile(path, folder / path.name)
