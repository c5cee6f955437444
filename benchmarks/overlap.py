"""What drawing ahead saves: the same PPO run on the same servers, with staleness 0 and 1.

    python -m benchmarks.overlap http://127.0.0.1:8000        # vLLM servers of the embedded model
    python -m benchmarks.overlap --rest 0.1                   # a server that rests 0.1 s a token

The second needs no vLLM: a server of the standard library that spells letters and sleeps, as one on
another machine would keep this one waiting. Prints a JSON object: the seconds of every step.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from rather.serving.vllm.process import free_port
from rather.store import runs
from rather.workspace import Workspace

RESTING = Path(__file__).parents[1] / "tests" / "serving" / "vllm" / "fake_vllm.py"
SETTINGS = {
    "ppo.reward": "concision",
    "ppo.advantage": "rloo",
    "ppo.batch-size": "4",
    "ppo.num-completions": "4",
    "ppo.max-new-tokens": "24",
    "ppo.learning-rate": "1e-5",
    "rollout.engine": "vllm",
    "watch.num-prompts": "0",
}
INVENTED = {
    "rollout.max-logprob-gap": "99",
    "rollout.max-completion-ratio": "null",
    "ppo.rules.max-mismatch-kl": "null",
    "ppo.rules.max-drift-kl": "null",
}
"""For a server that knows no model, whose log-probabilities mean nothing."""


def rather(*arguments: str) -> None:
    """Run a command."""
    done = subprocess.run([sys.executable, "-m", "rather", *arguments], capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode())


def seconds_of_steps(servers: list[str], staleness: int, settings: dict[str, str]) -> list[float]:
    """What each step of a run took, all but the first, which warms up."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "mine"
        rather("init", str(root), "--heldout-fraction=0.2")
        rather("import", str(files("rather.data.prompts") / "everyday.jsonl"), "-w", str(root))
        flags = [f"--{name}={value}" for name, value in settings.items()]
        flags += [f"--rollout.servers={server}" for server in servers]
        rather("ppo", "-w", str(root), f"--rollout.staleness={staleness}", *flags)
        with Workspace.open(root, {}) as ws:
            (run,) = runs.all(ws.db)
            found = runs.metrics(ws.db, run.id)
    return [value for step, name, value in found if name == "speed/seconds" and step > 0]


@contextmanager
def resting(seconds: float) -> Iterator[str]:
    """A server that rests so long a token."""
    port = free_port()
    flags = ["--host", "127.0.0.1", "--port", str(port), "--delay", str(seconds)]
    process = subprocess.Popen([sys.executable, str(RESTING), *flags], stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url)
        yield url
    finally:
        process.kill()
        process.wait()


def wait_for(url: str, seconds: float = 20.0) -> None:
    """Until a server answers."""
    ends = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{url}/health").close()
            return
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


def compared(servers: list[str], settings: dict[str, str]) -> dict[str, Any]:
    """Both runs, one after the other."""
    steps = {k: seconds_of_steps(servers, k, settings) for k in (0, 1)}
    medians = {k: statistics.median(found) for k, found in steps.items()}
    return {"seconds": steps, "median": medians, "saved": 1 - medians[1] / medians[0]}


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*")
    parser.add_argument("--rest", type=float)
    parser.add_argument("--steps", default="6")
    given = parser.parse_args()
    settings = SETTINGS | {"ppo.num-steps": given.steps}
    if given.rest is None:
        found = compared(given.servers, settings)
    else:
        with resting(given.rest) as url:
            found = compared([url], settings | INVENTED)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
