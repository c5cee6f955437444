"""A warm process that runs `rather` commands in forks of itself: torch is imported once for all.

Every line on stdin is a JSON request, answered by a line: `{"run": [argument, ...], ...}` by the
fork's process id, `{"wait": id}` by its exit status, negative where a signal ended it. Nothing is
open and no thread runs here, so that a fork begins like a process of its own.
"""

import gc
import json
import os
import random
import signal
import sys
import threading
import traceback
from collections import Counter
from typing import Any

import numpy
import sqlalchemy.dialects.sqlite  # noqa: F401 (as all below: what commands import late)
import torch
import transformers.models.llama.modeling_llama  # noqa: F401

from rather import failpoints, interrupts, pipeline  # noqa: F401
from rather.cli import app
from rather.stages import evaluating, reinforcing, tuning  # noqa: F401

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
gc.freeze()


def watch(log: str | None, interrupt: list[Any] | None) -> None:
    """Write every failpoint and safe point that is passed into the file `log`.

    `interrupt`: [name, n, signal, ...] sends this process the signals as it passes the place `name`
    the n-th time.
    """
    passed: Counter[str] = Counter()
    heard = open(log, "a") if log else None  # noqa: SIM115 (open until the process ends)

    def note(name: str) -> None:
        passed[name] += 1
        if heard:
            print(name, file=heard, flush=True)
        if interrupt and [name, passed[name]] == interrupt[:2]:
            for number in interrupt[2:]:
                os.kill(os.getpid(), number)

    def failpoint(name: str, original: Any = failpoints.failpoint) -> None:
        note(name)
        original(name)

    def safe_point(original: Any = interrupts.safe_point) -> None:
        note("safe_point")
        original()

    for module in list(sys.modules.values()):
        for name, watched in (("failpoint", failpoint), ("safe_point", safe_point)):
            if module.__name__.startswith("rather.") and hasattr(module, name):
                setattr(module, name, watched)


def run(request: dict[str, Any]) -> int:
    """In the fork: the command, with what it prints in the file `out`."""
    os.environ.update(request["environment"])
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    # the global generators: never the same in two forks, so that nothing can depend on them
    random.seed(os.urandom(8))
    numpy.random.seed(int.from_bytes(os.urandom(4)))
    torch.manual_seed(int.from_bytes(os.urandom(7)))
    if request["log"] or request["interrupt"]:
        watch(request["log"], request["interrupt"])
    code = app.main(request["run"])
    sys.stdout.flush()
    return code


def main() -> None:
    """Serve requests until stdin ends."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        assert threading.active_count() == 1
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        try:
            code = run(request)
        except BaseException:  # shown, and told by the code, as Python would at its end
            traceback.print_exc()
            code = 1
        os._exit(code)


if __name__ == "__main__":
    main()
