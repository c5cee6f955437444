"""What the workers of TRL's trainers share; nothing of ours is imported here but the pace."""

from typing import Any

import torch
from peft import LoraConfig
from transformers import TrainerCallback

from benchmarks.speed.pace import Pace

RATE = 1e-6
MANY = 200
"""As our own workers have them."""


class Paced(TrainerCallback):
    """Has each optimizer step of a trainer wait to be ordered, and measures it."""

    def __init__(self, pace: Pace, tokens: int) -> None:
        self.pace, self.tokens = pace, tokens

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Before the forward pass of a step's first microbatch (PPO's trainer never calls it)."""
        self.pace.begin()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """After the optimizer has moved."""
        self.pace.end(tokens=self.tokens)


def lora(task: str) -> LoraConfig:
    """An adapter as ours: rank 16 on all linear layers."""
    return LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type=task)


def model_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Precision and attention of a request's model."""
    return {
        "dtype": getattr(torch, settings["weights"]),
        "attn_implementation": settings["attention"],
    }


def arguments(settings: dict[str, Any], batch: int, folder: str) -> dict[str, Any]:
    """A trainer's arguments: all rows an optimizer step, in microbatches of the wanted size."""
    micro = min(settings["microbatch_rows"], batch)
    return {
        "output_dir": folder,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": batch // micro,
        "max_steps": MANY,
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "bf16": settings["autocast"],
        "gradient_checkpointing": settings["gradient_checkpointing"],
        "use_cpu": not torch.cuda.is_available(),
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
    }
