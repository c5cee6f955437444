"""What each tracker is told, by its own library's calls; really, where it is installed."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rather.tracking.trackers import OPENERS, About

CONFIG = {"num_steps": 2, "kl": {"target_kl": None}}
STEPS = [(0, {"objective/kl": 0.5, "loss": 1.0}), (1, {"objective/kl": 0.7, "loss": math.nan})]


class Calls:
    """Stands for a library: every call of it, or of what it returned, is written down."""

    def __init__(self, name: str = "", found: list[Any] | None = None) -> None:
        self._name, self.found = name, [] if found is None else found

    def __getattr__(self, name: str) -> "Calls":
        return Calls(f"{self._name}.{name}".lstrip("."), self.found)

    def __call__(self, *arguments: Any, **options: Any) -> "Calls":
        self.found.append((self._name, arguments, options))
        return Calls(self._name, self.found)


@pytest.fixture
def about(tmp_path: Path) -> About:
    return About("my-assistant", "ppo-0123456789", CONFIG, tmp_path)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Puts a library in place that only writes down what it is asked."""

    def put(name: str, *names: str) -> list[Any]:
        calls = Calls()
        module = ModuleType(name)
        for attribute in names:
            setattr(module, attribute, getattr(calls, attribute))
        monkeypatch.setitem(sys.modules, name, module)
        return calls.found

    return put


def follow(name: str, about: About) -> None:
    tracker = OPENERS[name](about)
    for step, metrics in STEPS:
        tracker.log(step, metrics)
    tracker.close()


def test_trackio_and_wandb_go_on_with_the_same_run(
    about: About, library: Callable[..., list[Any]]
) -> None:
    for name, key in (("trackio", "name"), ("wandb", "id")):
        calls = library(name, "init")
        follow(name, about)
        opened, *logged, finished = calls
        assert opened[0] == "init"
        assert opened[2]["project"] == "my-assistant"
        assert opened[2][key] == "ppo-0123456789"
        assert opened[2]["resume"] == "allow"
        assert opened[2]["config"] == CONFIG
        assert [(one[1][0]["objective/kl"], one[2]) for one in logged] == [
            (0.5, {"step": 0}), (0.7, {"step": 1}),
        ]  # fmt: skip
        assert finished[0] == "init.finish"


def test_tensorboard_writes_beside_the_run(about: About, library: Callable[..., list[Any]]) -> None:
    library("tensorboard")
    calls = library("tensorboard.summary", "Writer")
    follow("tensorboard", about)
    assert calls[0] == ("Writer", (str(about.folder / "tensorboard"),), {})
    scalars = [arguments for name, arguments, _ in calls if name == "Writer.add_scalar"]
    assert scalars[:3] == [("objective/kl", 0.5, 0), ("loss", 1.0, 0), ("objective/kl", 0.7, 1)]
    assert calls[-1][0] == "Writer.close"


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_the_real_library_takes_it(
    name: str, about: About, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip({"tensorboard": "tensorboard.summary"}.get(name, name))
    follow(name, about)
    follow(name, about)  # the same run, gone on with
    assert list(tmp_path.iterdir()) != []
