"""Has resident systems take turns, and gathers what each step cost.

All systems of a workload are kept resident where memory allows, and measured one step each in turn,
so that what the machine does meanwhile meets them alike. One worker computes at a time.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks.speed.resident import Worker, WorkerFailed
from benchmarks.speed.systems import System

SPARE_GB = 1.5
"""Memory that is left to everybody else."""
BEGAN = time.monotonic()


def say(line: str) -> None:
    """One line of progress on stderr, with the time since the start."""
    minutes, seconds = divmod(round(time.monotonic() - BEGAN), 60)
    print(f"{minutes}:{seconds:02} {line}", file=sys.stderr, flush=True)


def that_fit_together(systems: Sequence[System], room_gb: float) -> Iterator[list[System]]:
    """The systems in order, in groups that fit into memory; a trial stands alone."""
    group: list[System] = []
    for system in systems:
        used = sum(one.memory_gb for one in group)
        alone = system.is_trial or any(one.is_trial for one in group)
        if group and (alone or used + system.memory_gb > room_gb):
            yield group
            group = []
        group.append(system)
    if group:
        yield group


class Conductor:
    """Measures systems on one workload; one that fails is noted and leaves the others."""

    def __init__(
        self, workload: dict[str, Any], model: Path, say: Callable[[str], None] = say
    ) -> None:
        """`workload` as a worker is told of it, `model` a folder."""
        self.workload, self.model, self.say = workload, model, say
        self.measured: dict[str, dict[str, Any]] = {}
        """Versions and steps by a system's name, and which group it took turns in."""
        self.failed: dict[str, str] = {}
        """Why a system has not taken its steps."""

    def measure(self, systems: Sequence[System], repeats: int) -> None:
        """Have all of them take their steps; a trial takes one."""
        room = psutil.virtual_memory().available / 1e9 - SPARE_GB
        for number, group in enumerate(that_fit_together(systems, room)):
            times = 1 if group[0].is_trial else repeats
            with ExitStack() as stack, tempfile.TemporaryDirectory() as papers:
                workers = []
                for place, system in enumerate(group):
                    folder = Path(papers) / str(place)
                    folder.mkdir()
                    worker = Worker(system, self.workload, self.model, folder)
                    workers.append(stack.enter_context(worker))
                    # one at a time: loading is not to disturb warming up
                    self._attempt(worker, partial(self._greet, worker, number))
                for repeat in range(times):
                    for worker in workers:
                        if worker.system.name not in self.failed:
                            self._attempt(worker, partial(self._step, worker, repeat))

    def _attempt(self, worker: Worker, what: Callable[[], None]) -> None:
        try:
            what()
        except WorkerFailed as failure:
            self.measured.pop(worker.system.name, None)
            self.failed[worker.system.name] = str(failure)
            self.say(f"{worker.system.workload}: {worker.system.name} {failure}")

    def _greet(self, worker: Worker, group: int) -> None:
        began, system = time.monotonic(), worker.system
        versions = worker.ready()
        self.measured[system.name] = {"group": group, "versions": versions, "repeats": []}
        self.say(f"{system.workload}: {system.name} is ready ({time.monotonic() - began:.0f} s)")

    def _step(self, worker: Worker, repeat: int) -> None:
        step, system = worker.step(), worker.system
        self.measured[system.name]["repeats"].append(step)
        self.say(
            f"{system.workload} {repeat + 1}: {system.name}: {step['cpu_seconds']:.2f} CPU-s, "
            f"{step['wall_seconds']:.2f} s, {step['peak_rss_bytes'] / 1e9:.2f} GB"
        )
