"""Checkpoints: everything a trainer needs to go on bit for bit, published whole or not at all.

A checkpoint is the learner (weights, moments, counts) and what the trainer itself keeps: numbers
(JSON) and tensors (a rollout whose updates are half done). Nothing random is in it: every draw
follows from the seed and the step's number.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from rather.durable import newest_verified, prune, remove, staged_directory, verify
from rather.errors import EnvironmentFault
from rather.failpoints import failpoint
from rather.progress import Progress
from rather.training.learner import Learner

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
    with learner.ranks.together():
        if learner.ranks.is_first and (not target.exists() or verify(target)):
            _require_room(directory)
            _write(target, learner, steps_done, kept)


def _write(target: Path, learner: Learner, steps_done: int, kept: Kept) -> None:
    with staged_directory(target) as staging:
        save_file(learner.tensors(), staging / "learner.safetensors")
        failpoint("checkpoint.weights")
        if kept.tensors:
            save_file(kept.tensors, staging / "kept.safetensors")
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
    kept.tensors.clear()
    if (folder / "kept.safetensors").exists():
        kept.tensors.update(load_file(folder / "kept.safetensors"))
    return int(state["steps_done"])


def load_tensors(folder: Path) -> dict[str, Tensor]:
    """The learner's tensors in a checkpoint."""
    return load_file(folder / "learner.safetensors")


def begun(directory: Path) -> bool:
    """Whether there is a sound checkpoint to go on from."""
    return newest_verified(directory, PREFIX) is not None


def resume(directory: Path, learner: Learner, kept: Kept, progress: Progress) -> int | None:
    """Go back to the newest sound checkpoint; returns the steps done, None where there is none."""

    def newest() -> str | None:
        found = newest_verified(directory, PREFIX, progress.say)
        return found.name if found else None

    name = learner.ranks.first(newest)
    if name is None:
        return None
    with learner.ranks.together():
        steps_done = restore(directory / name, learner, kept)
    if steps_done or kept.tensors:
        progress.say(f"{directory.name}: going on after step {steps_done}.")
    return steps_done
