"""The trackers there are, each imported when it is first used: names of metrics are TRL's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class About:
    """What a tracker is told of a run."""

    project: str
    run: str
    """The run's id: the same run, gone on with, is the same run there."""
    config: Mapping[str, Any]
    folder: Path
    """Where a tracker that writes files puts them."""


class Tracker(Protocol):
    """Takes the numbers of one run."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take one step's numbers."""

    def close(self) -> None:
        """Nothing more will come."""


Opener = Callable[[About], Tracker]


class TensorBoard:
    """Event files in the run's folder."""

    def __init__(self, about: About) -> None:
        from tensorboard.summary import Writer  # imported here, as below: only when it is asked for

        self._writer = Writer(str(about.folder / "tensorboard"))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take one step's numbers."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Nothing more will come."""
        self._writer.close()


class Trackio:
    """Trackio's local store, or the space its environment variables name."""

    def __init__(self, about: About) -> None:
        import trackio

        self._run = trackio.init(
            project=about.project, name=about.run, config=dict(about.config), resume="allow"
        )

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take one step's numbers."""
        self._run.log(dict(metrics), step=step)

    def close(self) -> None:
        """Nothing more will come."""
        self._run.finish()


class WandB:
    """Weights & Biases, by the account and mode of its environment variables."""

    def __init__(self, about: About) -> None:
        import wandb

        self._run = wandb.init(
            project=about.project,
            id=about.run,
            name=about.run,
            config=dict(about.config),
            dir=str(about.folder),
            resume="allow",
        )

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take one step's numbers."""
        self._run.log(dict(metrics), step=step)

    def close(self) -> None:
        """Nothing more will come."""
        self._run.finish()


class MLflow:
    """MLflow, at the address of $MLFLOW_TRACKING_URI."""

    def __init__(self, about: About) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient()
        found = self._client.get_experiment_by_name(about.project)
        experiment = found.experiment_id if found else self._client.create_experiment(about.project)
        same = self._client.search_runs([experiment], f"tags.rather_run = '{about.run}'")
        tags = {"rather_run": about.run}
        self._run = same[0] if same else self._client.create_run(
            experiment, run_name=about.run, tags=tags
        )  # fmt: skip
        if not same:
            for name, value in _flat(about.config):
                self._client.log_param(self._run.info.run_id, name, value)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take one step's numbers."""
        for name, value in metrics.items():
            self._client.log_metric(self._run.info.run_id, name, value, step=step)

    def close(self) -> None:
        """Nothing more will come."""
        self._client.set_terminated(self._run.info.run_id)


OPENERS: dict[str, Opener] = {
    "tensorboard": TensorBoard,
    "trackio": Trackio,
    "wandb": WandB,
    "mlflow": MLflow,
}


def _flat(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in config.items():
        is_group = isinstance(value, Mapping)
        found += _flat(value, f"{prefix}{name}.") if is_group else [(f"{prefix}{name}", value)]
    return found
