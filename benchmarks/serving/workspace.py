"""A workspace on the embedded model with published adapters, as a stage would publish them."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from rather.config.loading import load
from rather.durable import staged_directory
from rather.models.adapter_files import save_adapter
from rather.models.library import CARD_FILE, Library
from rather.models.lora import LoraShape
from rather.models.source import fingerprint
from rather.progress import Progress
from rather.records import ModelVersion
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
    base = library.folder_of("base")
    card = {
        "base_fingerprint": fingerprint(base),
        "codec_fingerprint": library.codec("base").fingerprint,
    }
    skeleton = library.skeleton(base)
    shape = LoraShape(RANK, 2.0 * RANK, skeleton.linear_layers.names)
    for seed, name in enumerate(names):
        generator, weights = torch.Generator().manual_seed(seed), {}
        for target in shape.targets:
            outputs, inputs = skeleton.model.get_submodule(target).weight.shape
            a, b = torch.empty(RANK, inputs), torch.empty(outputs, RANK)
            weights[f"{target}.lora_A.weight"] = a.normal_(0.0, 0.02, generator=generator)
            weights[f"{target}.lora_B.weight"] = b.normal_(0.0, spread, generator=generator)
        with staged_directory(ws.models_dir / name) as folder:
            save_adapter(folder, shape, weights, skeleton.linear_layers, "embedded")
            (folder / CARD_FILE).write_text(json.dumps(card), "utf-8")
        made = ModelVersion(
            name, "ppo", "embedded", (), f"run-{name}", f"models/{name}", "2026-01-01"
        )
        versions.register(ws.db, made)
    return ws
