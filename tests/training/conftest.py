"""Trunks to train, runs to train them in, and a way to kill a run in the middle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rather.config.optimization import Adapter
from rather.models.library import load_backbone
from rather.models.roles import Policy
from rather.models.tuning import Tuned, start_tuning
from rather.progress import Progress
from rather.records import Alarm
from rather.training.learner import Metrics
from rather.training.loop import Run


@pytest.fixture
def new_tuned(tiny_model: Path) -> Callable[..., Tuned]:
    """A trunk on a backbone of its own, the same every time."""

    def make(**adapter: Any) -> Tuned:
        backbone = load_backbone(tiny_model, torch.float32, "cpu")
        section = Adapter(**{"rank": 4, "alpha": 8.0, **adapter})
        return start_tuning(Policy(backbone), "learning", section, seed=0)

    return make


class RecordedRun:
    """A run that keeps its metrics, and dies (as by Ctrl-C) after a number of recorded steps."""

    def __init__(self, folder: Path, dies_after: int | None) -> None:
        self.metrics: dict[int, Metrics] = {}
        self.dies_after = dies_after
        self.alarms: list[tuple[int, Alarm]] = []
        self.run = Run(folder, self.record, Progress(quiet=True), self.sound)

    def record(self, step: int, metrics: Metrics) -> None:
        self.metrics[step] = metrics
        if len(self.metrics) == self.dies_after:
            raise KeyboardInterrupt

    def sound(self, step: int, alarm: Alarm) -> None:
        self.alarms.append((step, alarm))

    def of(self, name: str) -> list[float]:
        """One number of every step, in order."""
        return [self.metrics[step][name] for step in sorted(self.metrics)]


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., RecordedRun]:
    """Runs by name; the same name is the same folder, so it resumes."""

    def make(name: str = "run", dies_after: int | None = None) -> RecordedRun:
        return RecordedRun(tmp_path / name, dies_after)

    return make
