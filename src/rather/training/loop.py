"""The plumbing the trainers share by calling it: optimizer, accumulation, checkpoint, resume.

Nothing random lives here. A trainer derives every draw (data order, sampling seeds) from its seed
and the step's number, so a checkpoint is the weights, the optimizer and a count.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rather.config.stages import Optimization
from rather.durable import newest_verified, prune, staged_directory
from rather.errors import StoppedByRule
from rather.progress import Progress

Metrics = dict[str, float]
CHECKPOINTS_KEPT = 2
NON_FINITE_LIMIT = 3


@dataclass(frozen=True)
class Run:
    """Where a trainer runs: its folder, who hears its metrics, and where progress shows."""

    directory: Path
    record: Callable[[int, Metrics], None]
    progress: Progress


class Learner:
    """Named weights with their AdamW and learning-rate schedule."""

    def __init__(
        self, parameters: dict[str, nn.Parameter], section: Optimization, num_updates: int
    ) -> None:
        self.parameters = parameters
        self.section = section
        self.num_updates = num_updates
        self.updates = 0
        self.skipped_in_a_row = 0
        self.optimizer = torch.optim.AdamW(
            list(parameters.values()),
            lr=section.learning_rate,
            eps=section.adam_epsilon,
            weight_decay=section.weight_decay,
        )

    def update(self) -> Metrics:
        """One optimizer update from the gradients at hand, which are then cleared.

        An update whose gradient is not finite is skipped and counted; three in a row stop the run
        (StoppedByRule).
        """
        parameters = list(self.parameters.values())
        norm = nn.utils.clip_grad_norm_(parameters, self.section.max_grad_norm)
        rate = self.section.learning_rate * self.rate_factor(self.updates)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        finite = bool(torch.isfinite(norm))
        if finite:
            self.optimizer.step()
        self.skipped_in_a_row = 0 if finite else self.skipped_in_a_row + 1
        self.optimizer.zero_grad(set_to_none=True)
        self.updates += 1
        if self.skipped_in_a_row >= NON_FINITE_LIMIT:
            raise StoppedByRule(
                f"The gradient was not finite in {NON_FINITE_LIMIT} updates in a row; lower the "
                "learning rate, or look for broken data. The last checkpoint is kept."
            )
        return {
            "lr": rate,
            "grad_norm": float(norm) if finite else 0.0,
            "skipped": float(not finite),
        }

    def rate_factor(self, update: int) -> float:
        """Share of the peak learning rate at an update: warm-up, then the schedule's fall to 0."""
        share = self.section.warmup_fraction * self.num_updates
        warmup = math.ceil(share - 1e-9)  # 0.07 · 100 is a hair above 7
        if update < warmup:
            return (update + 1) / warmup
        if self.section.schedule == "constant":
            return 1.0
        left = 1 - (update - warmup) / max(1, self.num_updates - warmup)
        return left if self.section.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left))

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimizer moments, by name."""
        found: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            found[f"weight/{name}"] = parameter.detach()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"optimizer/{key}/{name}"] = value
        return {key: value.cpu().contiguous() for key, value in found.items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weight/{name}"])
                state = {
                    key: tensors[f"optimizer/{key}/{name}"]
                    for key in ("step", "exp_avg", "exp_avg_sq")
                    if f"optimizer/{key}/{name}" in tensors
                }
                if state:
                    self.optimizer.state[parameter] = {
                        key: value if key == "step" else value.to(parameter.device)
                        for key, value in state.items()
                    }


def train(
    learner: Learner,
    run: Run,
    num_steps: int,
    step: Callable[[int], Metrics],
    state: dict[str, Any] | None = None,
    unit: str = "updates",
) -> None:
    """Run `step(0..num_steps-1)`, with progress, metrics, checkpoints, and resume.

    `state` is a JSON-able dictionary of the trainer's own that is saved and put back in place.
    """
    state = {} if state is None else state
    first = resume(learner, run, state)
    with run.progress.track(run.directory.name, num_steps, unit) as task:
        if first:
            task.advance(first, "resumed")
        for number in range(first, num_steps):
            metrics = step(number)
            run.record(number, metrics)
            task.advance(1, describe(metrics))
            done = number + 1
            if done % learner.section.checkpoint_every == 0 or done == num_steps:
                save_checkpoint(learner, run, done, state)


def save_checkpoint(learner: Learner, run: Run, steps_done: int, state: dict[str, Any]) -> None:
    """Publish a checkpoint, whole or not at all, and drop all but the newest two."""
    with staged_directory(run.directory / f"checkpoint-{steps_done}") as staging:
        save_file(learner.tensors(), staging / "learner.safetensors")
        counts = {
            "steps_done": steps_done,
            "updates": learner.updates,
            "skipped_in_a_row": learner.skipped_in_a_row,
        }
        (staging / "state.json").write_text(json.dumps({**counts, "state": state}), "utf-8")
    prune(run.directory, "checkpoint-", keep=CHECKPOINTS_KEPT)


def resume(learner: Learner, run: Run, state: dict[str, Any]) -> int:
    """Go back to the newest sound checkpoint; returns the steps already done."""
    found = newest_verified(run.directory, "checkpoint-", run.progress.say)
    if found is None:
        return 0
    saved = json.loads((found / "state.json").read_text("utf-8"))
    learner.load_tensors(load_file(found / "learner.safetensors"))
    learner.updates = saved["updates"]
    learner.skipped_in_a_row = saved["skipped_in_a_row"]
    state.clear()
    state.update(saved["state"])
    run.progress.say(f"{run.directory.name}: going on after step {saved['steps_done']}.")
    return int(saved["steps_done"])


def epoch_order(num_rows: int, seed: int, epoch: int) -> list[int]:
    """The order in which an epoch visits the rows; depends on seed and epoch only."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(num_rows, generator=generator).tolist()


def slices(num_rows: int, section: Optimization, seed: int) -> list[list[int]]:
    """Row indices of every update of the whole training, epoch after epoch."""
    size = section.batch_size
    return [
        order[start : start + size]
        for epoch in range(section.num_epochs)
        for order in [epoch_order(num_rows, seed, epoch)]
        for start in range(0, num_rows, size)
    ]


def describe(metrics: Metrics) -> str:
    """The few numbers worth showing while it runs."""
    shown = ("loss", "accuracy", "objective/scores", "objective/kl", "rewards/accuracies")
    return " ".join(f"{key.split('/')[-1]} {metrics[key]:.3g}" for key in shown if key in metrics)
