"""What `rather plan` says beside what the same commands take on this machine.

    python -m benchmarks.plan                      # every trial, once; ten minutes on two cores
    python -m benchmarks.plan --only ppo
    python -m benchmarks.plan --replan             # plan again, beside what was taken before

Each trial is a command of its own in a workspace of the packaged prompts, answered by the embedded
model and judged by a rule: its peak resident memory, and the median of what its steps took, beside
the plan for prompts and completions of the mean length. Writes results/plan.json; the table of
docs/plan.md is made of it by `python -m benchmarks.plan --page`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.speed import results
from rather.durable import write_text
from rather.store import completions, prompts, runs
from rather.workspace import Workspace

RESULTS = results.FOLDER / "plan.json"
PAGE = Path(__file__).parents[1] / "docs" / "plan.md"
NUM_PROMPTS = 48
MAX_NEW_TOKENS = 48
TABLE_BEGINS, TABLE_ENDS = "<!-- the table begins -->\n", "<!-- the table ends -->\n"
GB = 1e9
SMALL = {
    "heldout-fraction": "0.2",
    "sample.num-completions": "2",
    "sample.max-new-tokens": str(MAX_NEW_TOKENS),
    "watch.num-prompts": "0",
    "reward.batch-size": "8",
    "dpo.batch-size": "8",
    "ppo.batch-size": "8",
    "ppo.num-completions": "4",
    "ppo.max-new-tokens": str(MAX_NEW_TOKENS),
    "ppo.num-steps": "3",
}
TRIALS: dict[str, tuple[str, Mapping[str, str]]] = {
    "reward": ("reward", {}),
    "reward, all layers": ("reward", {"reward.depth": "1.0"}),
    "reward, kernels compiled": ("reward", {"reward.num-epochs": "12"}),  # 60 updates
    "dpo": ("dpo", {}),
    "dpo, top layers": ("dpo", {"dpo.adapter.tuning": "top_layers"}),
    "dpo, full": ("dpo", {"dpo.adapter.tuning": "full", "dpo.learning-rate": "1e-6"}),
    "ppo, gae": ("ppo", {}),
    "ppo, rloo": ("ppo", {"ppo.advantage": "rloo"}),
    "ppo, gae, top layers": ("ppo", {"ppo.adapter.tuning": "top_layers"}),
    "ppo, gae, kernels compiled": (  # 50 updates
        "ppo",
        {"ppo.num-steps": "5", "ppo.num-minibatches": "5", "ppo.num-epochs": "2"},
    ),
}


def rather(root: Path, *arguments: str) -> dict[str, Any]:
    """Run a command of the workspace; its result."""
    command = [sys.executable, "-m", "rather", *arguments, "--workspace", str(root), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def flags(settings: Mapping[str, str]) -> list[str]:
    """Settings as flags."""
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


def begin(root: Path) -> None:
    """A workspace with the trials' settings."""
    subprocess.run(
        [sys.executable, "-m", "rather", "init", str(root), *flags(SMALL)],
        check=True,
        capture_output=True,
    )


def prepare(root: Path) -> dict[str, str]:
    """A workspace with answers and judgments; how long its texts are, as flags of `plan`."""
    begin(root)
    packaged = files("rather.data").joinpath("prompts/everyday.jsonl").read_text("utf-8")
    rows = packaged.splitlines()[:NUM_PROMPTS]
    asked = root / "asked.jsonl"
    asked.write_text("\n".join(rows) + "\n", "utf-8")
    rather(root, "import", str(asked), "--as", "prompts")
    rather(root, "sample")
    rather(root, "label", "--simulate", "vader")
    rather(root, "reward")  # for the trials of ppo
    with Workspace.open(root) as ws:
        from rather.stages.runs import open_library

        codec = open_library(ws).codec("base")
        long = [len(codec.prompt_ids(one)) for one in prompts.all(ws.db)]
        written = [one.num_tokens for one in completions.all(ws.db)]
    return {
        "prompt-tokens": str(round(statistics.mean(long))),
        "completion-tokens": str(round(statistics.mean(written))),
    }


def measure(root: Path, stage: str, settings: Mapping[str, str]) -> dict[str, float]:
    """Peak memory of the command, and the median of its steps' seconds."""
    more = ["--force"] if stage == "ppo" else []
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "rather", stage, *flags(settings), *more, "--fresh"),
            *("--workspace", str(root), "--json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{stage} {dict(settings)} ended with {status}")
    with Workspace.open(root) as ws:
        run = runs.all(ws.db)[-1]
        told = runs.metrics(ws.db, run.id)
        seconds = [value for _, name, value in told if name == "speed/seconds"]
    return {
        "peak_bytes": used.ru_maxrss * 1024,
        "seconds_a_step": statistics.median(seconds[1:] or seconds),
    }


def plan(root: Path, lengths: Mapping[str, str], name: str) -> dict[str, float]:
    """What is planned for a trial."""
    stage, settings = TRIALS[name]
    planned = rather(root, "plan", *flags(lengths), *flags(settings))
    of = next(one for one in planned["stages"] if one["stage"] == stage)
    return {key: of[key] for key in ("peak_bytes", "seconds_a_step")}


def trial(root: Path, lengths: Mapping[str, str], name: str) -> dict[str, Any]:
    """One trial: what was planned and what it took."""
    stage, settings = TRIALS[name]
    planned = plan(root, lengths, name)
    taken = measure(root, stage, settings)
    print(f"{name}: planned {_told(planned)}; took {_told(taken)}", file=sys.stderr)
    return {"stage": stage, "planned": planned, "taken": taken}


def replan(root: Path) -> None:
    """Plan once more what was taken, on the machine that took it."""
    whole = json.loads(RESULTS.read_text("utf-8"))
    found = whole["trials"]
    if found["machine"]["processor"] != results.machine()["processor"]:
        raise SystemExit(f"{RESULTS.name} was taken on {found['machine']['processor']}.")
    begin(root)
    lengths = {key: found[key] for key in ("prompt-tokens", "completion-tokens")}
    for name, one in found["trials"].items():
        one["planned"] = plan(root, lengths, name)
    write_text(RESULTS, json.dumps(whole, indent=1) + "\n")


def _told(one: Mapping[str, float]) -> str:
    return f"{one['peak_bytes'] / GB:.2f} GB, {one['seconds_a_step']:.1f} s"


def table(found: Mapping[str, Any]) -> str:
    """Planned beside taken, and how far the plan is off."""
    lines = [
        "| command | memory planned | taken | ratio | a step planned | taken | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        cells = [name]
        for key, unit, size in (("peak_bytes", "GB", GB), ("seconds_a_step", "s", 1.0)):
            planned, taken = one["planned"][key] / size, one["taken"][key] / size
            cells += [f"{planned:.2f} {unit}", f"{taken:.2f} {unit}", f"{planned / taken:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def known() -> dict[str, Any]:
    """Trials of earlier runs."""
    if not RESULTS.exists():
        return {}
    known: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))["trials"]["trials"]
    return known


def publish() -> None:
    """Put the table of the results on its page."""
    before, _, rest = PAGE.read_text("utf-8").partition(TABLE_BEGINS)
    after = rest.partition(TABLE_ENDS)[2]
    write_text(PAGE, f"{before}{TABLE_BEGINS}{table(known())}{TABLE_ENDS}{after}")


def main() -> None:
    """Measure what is asked for, keep it, and renew the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="trials whose names begin so")
    parser.add_argument("--page", action="store_true", help="only renew the page")
    parser.add_argument("--replan", action="store_true", help="plan again what was taken before")
    given = parser.parse_args()
    if given.replan:
        with tempfile.TemporaryDirectory(prefix="rather-plan-") as folder:
            replan(Path(folder) / "ws")
    elif not given.page:
        with tempfile.TemporaryDirectory(prefix="rather-plan-") as folder:
            root = Path(folder) / "ws"
            lengths = prepare(root)
            names = [name for name in TRIALS if name.startswith(given.only or "")]
            taken = {name: trial(root, lengths, name) for name in names}
        known = (
            json.loads(RESULTS.read_text("utf-8"))["trials"]["trials"] if RESULTS.exists() else {}
        )
        results.keep(RESULTS, "trials", {**lengths, "trials": {**known, **taken}})
    publish()


if __name__ == "__main__":
    main()
