"""Asks an oracle (a release of TRL in an environment of its own) and compares its answer with ours.

`make oracles` makes the environments. An oracle script is run on the packages of this environment
plus TRL and the few it needs beside them; it never sees `rather`.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from rather.config.optimization import Optimization

HERE = Path(__file__).parent
ORACLES = HERE.parents[1] / ".oracles"
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Answer:
    """What an oracle found."""

    numbers: dict[str, Any]
    tensors: dict[str, Tensor]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Tensors below a prefix, without it."""
        start = f"{prefix}/"
        return {k.removeprefix(start): t for k, t in self.tensors.items() if k.startswith(start)}


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Answer]:
    """Runs an oracle script: ask(script, version, request, tensors) -> Answer.

    Without `make oracles` the test that asks is skipped.
    """

    def run(script: str, version: str, request: Any, tensors: Mapping[str, Tensor]) -> Answer:
        packages = ORACLES / f"trl-{version}"
        if not (packages / ".ready").exists():
            pytest.skip(f"TRL {version} is not there to be asked; `make oracles` installs it")
        folder = tmp_path_factory.mktemp(script)
        (folder / "request.json").write_text(json.dumps(request), "utf-8")
        save_file(dict(tensors), folder / "request.safetensors")
        environment = {
            **os.environ,
            "PYTHONPATH": str(packages),
            "HF_HOME": str(folder / "huggingface"),
            "HF_HUB_OFFLINE": "1",
            "TRL_EXPERIMENTAL_SILENCE": "1",
            "OMP_NUM_THREADS": "1",
            "ACCELERATE_USE_CPU": "1",
        }
        done = subprocess.run(
            [sys.executable, str(HERE / f"{script}.py"), str(folder)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        numbers = json.loads((folder / "answer.json").read_text("utf-8"))
        return Answer(numbers, load_file(folder / "answer.safetensors"))

    return run


@pytest.fixture(scope="session")
def optimizer_arguments() -> Callable[[Optimization], dict[str, Any]]:
    """What a section says of the optimizer, in the words of TRL's trainers."""

    def read(section: Optimization) -> dict[str, Any]:
        assert section.schedule == "constant" and section.warmup_fraction == 0
        return {
            "learning_rate": section.learning_rate,
            "lr_scheduler_type": "constant",
            "adam_epsilon": section.adam_epsilon,
            "weight_decay": section.weight_decay,
            "max_grad_norm": section.max_grad_norm,
            "per_device_train_batch_size": section.batch_size,
            "num_train_epochs": section.num_epochs,
        }

    return read


@pytest.fixture
def gradients() -> Iterator[Any]:
    """Watches the optimizer steps of a test with the oracles' own eyes."""
    # loaded by its path: test folders are no packages
    spec = importlib.util.spec_from_file_location("oracle", HERE / "oracle.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    watching = module.Gradients()
    yield watching
    watching.stop()


def _assert_same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    worst = {name: _distance(ours[name], theirs[name]) for name in ours}
    assert {name: far for name, far in worst.items() if not far <= TOLERANCE} == {}


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference, in units of the oracle's largest number."""
    assert ours.shape == theirs.shape
    scale = theirs.abs().max().item() or 1.0
    return (ours.detach() - theirs).abs().max().item() / scale


@pytest.fixture(scope="session")
def assert_same() -> Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], None]:
    """Same names, same numbers to 1e-5; otherwise says which are how far apart."""
    return _assert_same
