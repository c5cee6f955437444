"""What our workers share: the backbone as the product loads it, and a run that waits for orders."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.speed.pace import Pace
from rather.models.backbone import Backbone
from rather.models.library import load_backbone, pick_device, pick_dtype
from rather.progress import Progress
from rather.training.loop import Run

RATE = 1e-6
"""Learning rate of every system: the same few rows are learnt again and again."""
MANY = 200
"""Steps a worker could be asked for."""


def backbone_of(request: dict[str, Any]) -> Backbone:
    """The model of a request in the product's own precision, on its own device."""
    return load_backbone(Path(request["model"]), pick_dtype("auto"), pick_device())


def shorter(folder: Path, context: int, into: Path) -> Path:
    """The same model with a context that ends earlier, which is how our completions are ended."""
    for file in folder.iterdir():
        (into / file.name).symlink_to(file.resolve())
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (into / "config.json").unlink()
    (into / "config.json").write_text(json.dumps(config | {"max_position_embeddings": context}))
    return into


@torch.no_grad()
def shake(parameters: Mapping[str, Tensor]) -> None:
    """Small numbers where a new adapter has zeros, as after some training."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in parameters.items():
        if "lora_B" in name:
            parameter.copy_(1e-3 * torch.randn(parameter.shape, generator=generator))


def paced_run(pace: Pace, folder: str) -> Run:
    """A trainer's run whose every step waits to be ordered and is measured."""

    def look(steps_done: int, is_end: bool) -> None:
        if not is_end:
            pace.begin()

    def record(step: int, metrics: dict[str, float]) -> None:
        if "num_tokens" in metrics:  # without, a rule is about to stop the run and say why
            pace.end(tokens=int(metrics["num_tokens"]))

    return Run(Path(folder), record, Progress(quiet=True), look=look)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for what a trainer keeps."""
    return tempfile.TemporaryDirectory(prefix="rather-bench-")
