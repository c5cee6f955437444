"""A worker as the conductor sees it: a process that is started, told to take steps, and ended."""

import json
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.speed.systems import ROOT, System

LINES_SHOWN = 15
SECONDS_TO_END = 10


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
                [system.python, "-m", system.module, str(asked)],
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
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):  # an order that a worker which has ended never took
            self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ready(self) -> dict[str, str]:
        """Wait until it has loaded and warmed up; the versions it runs on."""
        return self._answer()["versions"]

    def step(self) -> dict[str, Any]:
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
        code = self._process.wait()
        said = self._log.read_text("utf-8", errors="replace").strip().splitlines()
        told = "\n    ".join(said[-LINES_SHOWN:])
        return WorkerFailed(f"ended with code {code}:\n    {told}")
