"""Starts workers, has them take turns, and gathers what each step cost.

All systems of a workload are kept resident where memory allows, and measured one step each in turn,
so that what the machine does meanwhile meets them alike. One worker computes at a time.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from benchmarks.speed.systems import ROOT, System

Step = dict[str, Any]
SPARE_GB = 1.5
"""Memory that is left to everybody else."""


class WorkerFailed(Exception):
    """A worker ended instead of answering; the message ends with what it said last."""


class Worker:
    """A resident system: started, warmed up, and ready to take a step when told."""

    def __init__(self, system: System, workload: dict[str, Any], model: Path, folder: Path) -> None:
        """Start it; `ready` waits until it has warmed up. `folder` is where its papers lie."""
        self.system = system
        request = {"model": str(model), "workload": workload, "settings": system.settings}
        asked = folder / "request.json"
        asked.write_text(json.dumps(request), "utf-8")
        self._log = folder / "log.txt"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [system.python, "-m", f"benchmarks.speed.workers.{system.worker}", str(asked)],
                cwd=ROOT,
                env=system.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        """No more orders: it ends by itself, or is ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ready(self) -> dict[str, str]:
        """Wait until it has loaded and warmed up; the versions it runs on."""
        return self._answer()["versions"]

    def step(self) -> Step:
        """Have it take one step; what that cost."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("step\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed() from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failed()
        return json.loads(line)

    def _failed(self) -> WorkerFailed:
        self._process.wait()
        said = self._log.read_text("utf-8", errors="replace").strip().splitlines()[-15:]
        told = "\n    ".join(said)
        return WorkerFailed(f"{self.system.name} ({self.system.workload}) ended:\n    {told}")


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


def measure(
    systems: Sequence[System],
    workload: dict[str, Any],
    model: Path,
    repeats: int,
    say: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Every system's versions and steps, by its name; a trial takes one step."""
    found: dict[str, dict[str, Any]] = {}
    room = psutil.virtual_memory().available / 1e9 - SPARE_GB
    for number, group in enumerate(that_fit_together(systems, room)):
        with ExitStack() as stack, tempfile.TemporaryDirectory() as papers:
            workers = []
            for place, system in enumerate(group):
                folder = Path(papers) / str(place)
                folder.mkdir()
                began = time.monotonic()
                worker = stack.enter_context(Worker(system, workload, model, folder))
                versions = worker.ready()  # one at a time: loading is not to disturb warming up
                say(f"{system.workload}: {system.name} is ready ({time.monotonic() - began:.0f} s)")
                found[system.name] = {"group": number, "versions": versions, "repeats": []}
                workers.append(worker)
            for repeat in range(1 if group[0].is_trial else repeats):
                for worker in workers:
                    step = worker.step()
                    found[worker.system.name]["repeats"].append(step)
                    say(_told(worker.system, repeat, step))
    return found


def _told(system: System, repeat: int, step: Step) -> str:
    return (
        f"{system.workload} {repeat + 1}: {system.name}: {step['cpu_seconds']:.2f} CPU-s, "
        f"{step['wall_seconds']:.2f} s, {step['peak_rss_bytes'] / 1e9:.2f} GB"
    )
