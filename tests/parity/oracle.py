"""What both sides of a comparison share, and what the oracle scripts need to be asked.

An oracle script runs in a process and an environment of its own: nothing here imports `rather`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook


class Gradients:
    """The gradients each optimizer step of this process sees: the same eyes for both sides."""

    def __init__(self) -> None:
        self.steps: list[dict[int, Tensor]] = []
        self._handle = register_optimizer_step_pre_hook(self._look)

    def _look(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        self.steps.append({id(w): w.grad.clone() for w in weights if w.grad is not None})

    def stop(self) -> None:
        """See no more steps."""
        self._handle.remove()

    def named(self, parameters: dict[str, nn.Parameter]) -> dict[str, Tensor]:
        """`<step>/<name>` -> gradient, of the given weights; none where a weight had none."""
        return {
            f"{number}/{name}": step[id(parameter)]
            for number, step in enumerate(self.steps)
            for name, parameter in parameters.items()
            if id(parameter) in step
        }


class Question:
    """What a test asks of an oracle script, and where the script puts its answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.request: dict[str, Any] = json.loads((folder / "request.json").read_text("utf-8"))
        self.tensors = load_file(folder / "request.safetensors")
        self.numbers: dict[str, Any] = {}
        self.found: dict[str, Tensor] = {}

    @classmethod
    def from_arguments(cls) -> "Question":
        """The question whose folder is this script's only argument."""
        return cls(Path(sys.argv[1]))

    def keep(self, prefix: str, tensors: dict[str, Tensor]) -> None:
        """Add tensors to the answer, as `<prefix>/<name>`."""
        for name, tensor in tensors.items():
            self.found[f"{prefix}/{name}"] = tensor.detach().clone().contiguous()

    def train(self, name: str, trainer: Any) -> None:
        """Let a TRL trainer train; keep each step's loss and gradients, and the final weights."""
        losses: list[float] = []
        compute_loss = trainer.compute_loss

        def watched(*args: Any, **kwargs: Any) -> Any:
            loss = compute_loss(*args, **kwargs)
            losses.append(loss.item())
            return loss

        trainer.compute_loss = watched
        weights = dict(trainer.model.named_parameters())
        gradients = Gradients()
        trainer.train()
        gradients.stop()
        self.numbers.setdefault(name, {})["losses"] = losses
        self.keep(f"{name}/gradient", gradients.named(weights))
        self.keep(f"{name}/weight", weights)

    def answer(self) -> None:
        """Write what was found."""
        save_file(self.found, self.folder / "answer.safetensors")
        (self.folder / "answer.json").write_text(json.dumps(self.numbers), "utf-8")

    def training_arguments(self, own: dict[str, Any]) -> dict[str, Any]:
        """What a TRL trainer is told: a request's own arguments, and to add nothing of TRL's."""
        return {
            **own,
            "output_dir": str(self.folder / "trainer"),
            "optim": "adamw_torch",
            "bf16": False,
            "gradient_checkpointing": False,
            "use_cpu": True,
            "report_to": "none",
            "save_strategy": "no",
            "disable_tqdm": True,
            "train_sampling_strategy": "sequential",  # the rows come in the order of our trainer
        }
