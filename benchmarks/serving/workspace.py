"""A workspace on the embedded model with published adapters, as a stage would publish them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rather.config.loading import load
from rather.durable import staged_directory
from rather.models.adapter_files import save_adapter
from rather.models.files.skeleton import Skeleton
from rather.models.heads import ScalarHead
from rather.models.library import CARD_FILE, Library, member_folders, save_head
from rather.models.lora import LoraShape
from rather.models.source import fingerprint
from rather.progress import Progress
from rather.records import ModelVersion, StageName
from rather.store import versions
from rather.workspace import Workspace

RANK = 16
NAMES = ("ppo-1", "ppo-2", "ppo-3", "ppo-4")
SPREAD = 1e-3
"""Of the adapters' random numbers: little, so that the answers stay answers."""


def make_workspace(root: Path, names: Sequence[str] = NAMES, spread: float = SPREAD) -> Workspace:
    """The embedded model and adapters on all of its linear layers."""
    ws = Workspace.create(root, load(None, {}), Progress(quiet=True))
    library = Library(ws.root, ws.config.model, ws.config.dtype, {})
    for seed, name in enumerate(names):
        versions.register(ws.db, publish(library, name, seed, spread))
    return ws


def publish(
    library: Library, name: str, seed: int, spread: float = SPREAD, num_members: int = 1
) -> ModelVersion:
    """A version with random adapters on all linear layers, as a stage leaves it in its folder; one
    whose name begins with `reward` is a reward model, of so many members."""
    stage: StageName = "reward" if name.startswith("reward") else "ppo"
    base = library.folder_of("base")
    card: dict[str, Any] = {
        "base_fingerprint": fingerprint(base),
        "codec_fingerprint": library.codec("base").fingerprint,
    }
    skeleton = library.skeleton(base)
    shape = LoraShape(RANK, 2.0 * RANK, skeleton.linear_layers.names)
    with staged_directory(library.root / "models" / name) as folder:
        for number, place in enumerate(member_folders(num_members)):
            (folder / place).mkdir(exist_ok=True)
            weights = _random_weights(skeleton, shape, seed + number, spread)
            save_adapter(folder / place, shape, weights, skeleton.linear_layers, library.base)
            if stage == "reward":
                width = skeleton.model.config.hidden_size
                save_head(folder / place, ScalarHead(width, seed + number))
        if stage == "reward":
            card |= {"pooling": "last", "depth": None, "ensemble": num_members}
        (folder / CARD_FILE).write_text(json.dumps(card), "utf-8")
    return ModelVersion(
        name, stage, library.base, (), f"run-{name}", f"models/{name}", "2026-01-01"
    )


def _random_weights(
    skeleton: Skeleton, shape: LoraShape, seed: int, spread: float
) -> dict[str, Tensor]:
    generator, weights = torch.Generator().manual_seed(seed), {}
    for target in shape.targets:
        outputs, inputs = skeleton.model.get_submodule(target).weight.shape
        a, b = torch.empty(shape.rank, inputs), torch.empty(outputs, shape.rank)
        weights[f"{target}.lora_A.weight"] = a.normal_(0.0, 0.02, generator=generator)
        weights[f"{target}.lora_B.weight"] = b.normal_(0.0, spread, generator=generator)
    return weights
