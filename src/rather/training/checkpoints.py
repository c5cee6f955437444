"""Checkpoints: everything a trainer needs to go on bit for bit, published whole or not at all.

A checkpoint is the learner (weights, moments, counts) and what the trainer itself keeps: numbers
(JSON) and tensors (a rollout whose updates are half done). Nothing random is in it: every draw
follows from the seed and the step's number.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from rather.durable import newest_verified, prune, remove, staged_directory, verify
from rather.errors import EnvironmentFault
from rather.failpoints import failpoint
from rather.progress import Progress
from rather.training.learner import Learner
from rather.training.ranks import Ranks

PREFIX = "checkpoint-"
CHECKPOINTS_KEPT = 2
ROOM = 1.2
"""Free space asked for before a checkpoint is written, in checkpoints."""


@dataclass
class Kept:
    """What a trainer has back after a stop, beside its learner."""

    numbers: dict[str, Any] = field(default_factory=dict)
    """JSON-able: KL coefficient, running moments, counters of the stop rules, ..."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """Of a step under way, whose finished updates are then in `numbers["updates"]`; empty between
    steps."""
    policies: dict[str, Tensor] = field(default_factory=dict)
    """Weights of older policies that rollouts are still drawn from, by `<steps done>/<name>`; empty
    where each step draws from its own."""


def path_of(directory: Path, steps_done: int) -> Path:
    """The folder of a checkpoint between two steps."""
    return directory / f"{PREFIX}{steps_done}"


def save(directory: Path, learner: Learner, steps_done: int, kept: Kept) -> None:
    """Publish a checkpoint, unless it is there already; one inside a step counts its updates.

    EnvironmentFault where the disk is full, or would be.
    """
    target = path_of(directory, steps_done)
    if kept.tensors:
        target = target.with_name(f"{target.name}.{len(kept.numbers['updates'])}")
    ranks, is_spread = learner.group.ranks, bool(learner.group.shards)
    with ranks.finishing():
        if ranks.first(lambda: target.exists() and not verify(target)):
            return
        if ranks.is_first:
            _require_room(directory)
        with staged_directory(target) if ranks.is_first else nullcontext() as made:
            staging = Path(ranks.first(lambda: str(made)))
            if ranks.is_first or is_spread:
                save_file(learner.tensors(), staging / _file_of(ranks, is_spread=is_spread))
            failpoint("checkpoint.weights")
            ranks.exchange(None)  # every part is there before the first rank seals them
            if ranks.is_first:
                _write_numbers(staging, learner, steps_done, kept)


def _part_of(path: Path) -> int:
    """Whose part a file is, from 1; 0 where there is only one."""
    found = re.search(r"-(\d+)-of-", path.name)
    return int(found[1]) if found else 0


def _file_of(ranks: Ranks, *, is_spread: bool) -> str:
    part = f"-{ranks.rank + 1}-of-{ranks.size}" if is_spread and ranks.size > 1 else ""
    return f"learner{part}.safetensors"


def _write_numbers(staging: Path, learner: Learner, steps_done: int, kept: Kept) -> None:
    """All that is not the learner's tensors."""
    if kept.tensors:
        save_file(kept.tensors, staging / "kept.safetensors")
    if kept.policies:
        save_file(kept.policies, staging / "policies.safetensors")
    state = {
        "steps_done": steps_done,
        "learner": learner.numbers(),
        "kept": kept.numbers,
    }
    (staging / "state.json").write_text(json.dumps(state), "utf-8")


def _require_room(directory: Path) -> None:
    """Refuse to begin a checkpoint as large as the largest here where it would not fit."""
    needed = max((_size(folder) for folder in directory.glob(f"{PREFIX}*")), default=0)
    if needed and (free := shutil.disk_usage(directory).free) < ROOM * needed:
        raise EnvironmentFault(
            f"disk full: a checkpoint takes {needed / 1e6:.1f} MB and {directory} has "
            f"{free / 1e6:.1f} MB left; free some space and give the same command again (what was "
            "there before is kept)."
        )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def tidy(directory: Path, spared: tuple[int, ...]) -> None:
    """Delete all but the newest checkpoints and those after the spared numbers of steps."""
    prune(
        directory,
        PREFIX,
        keep=CHECKPOINTS_KEPT,
        spare={path_of(directory, steps).name for steps in spared},
    )


def drop_interim(directory: Path, every: int) -> None:
    """Delete checkpoints that only a signal made, between the multiples of `every` steps."""
    for folder in directory.glob(f"{PREFIX}*"):
        steps = folder.name.removeprefix(PREFIX)
        if not steps.isdecimal() or int(steps) % every:
            remove(folder)


def for_sweep(num_steps: int, every: int, keep_every: int | None) -> tuple[int, ...]:
    """Numbers of steps whose checkpoints stay: of those made, the first after each `keep_every`."""
    if keep_every is None:
        return ()
    made = range(every, num_steps + 1, every)
    return tuple(steps for steps in made if steps // keep_every > (steps - every) // keep_every)


def restore(folder: Path, learner: Learner, kept: Kept) -> int:
    """Go back to a checkpoint; returns the steps done before it."""
    state = json.loads((folder / "state.json").read_text("utf-8"))
    learner.restore(load_tensors(folder), state["learner"])
    kept.numbers.clear()
    kept.numbers.update(state["kept"])
    for name, tensors in (("kept", kept.tensors), ("policies", kept.policies)):
        tensors.clear()
        if (path := folder / f"{name}.safetensors").exists():
            tensors.update(load_file(path))
    return int(state["steps_done"])


def load_tensors(folder: Path) -> Mapping[str, Tensor]:
    """The learner's tensors in a checkpoint, whole, whatever number of ranks wrote it."""
    return Stored(folder)


class Stored(Mapping[str, Tensor]):
    """Tensors in the files of a checkpoint, each read and put together when it is asked for."""

    def __init__(self, folder: Path) -> None:
        parts = sorted(folder.glob("learner*.safetensors"), key=_part_of)
        files: list[Any] = [safe_open(path, "pt") for path in parts]
        self._places: dict[str, list[Any]] = {}
        for file in files:
            for name in file.keys():  # noqa: SIM118 (no mapping)
                self._places.setdefault(name, []).append(file)

    def __getitem__(self, name: str) -> Tensor:
        """A tensor; of one that was spread the ranks' rows below each other, as FSDP cuts them."""
        parts = [file.get_tensor(name) for file in self._places[name]]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def __iter__(self) -> Iterator[str]:
        """Names."""
        return iter(self._places)

    def __len__(self) -> int:
        """Number of tensors."""
        return len(self._places)


def begun(directory: Path) -> bool:
    """Whether there is a sound checkpoint to go on from."""
    return newest_verified(directory, PREFIX) is not None


def resume(directory: Path, learner: Learner, kept: Kept, progress: Progress) -> int | None:
    """Go back to the newest sound checkpoint; returns the steps done, None where there is none."""

    def newest() -> str | None:
        found = newest_verified(directory, PREFIX, progress.say)
        return found.name if found else None

    with learner.group.ranks.finishing():
        name = learner.group.ranks.first(newest)
        if name is None:
            return None
        steps_done = restore(directory / name, learner, kept)
    if steps_done or kept.tensors:
        progress.say(f"{directory.name}: going on after step {steps_done}.")
    return steps_done
