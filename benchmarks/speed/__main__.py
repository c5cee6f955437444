"""Speed and memory beside other people's programs, in one command.

    python -m benchmarks.speed                                      # everything: make bench
    python -m benchmarks.speed --only dpo-live reward --repeats 2   # these workloads
    python -m benchmarks.speed --only reward --systems ours         # printed, and not kept

Every workload's numbers are kept in results/speed.json as soon as it is done. `docs/performance.md`
says how to read them.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import results, workloads
from benchmarks.speed.conductor import measure
from benchmarks.speed.systems import SYSTEMS, WORKLOADS, System
from rather.models.embedded import embedded_folder

MAKERS: dict[str, Callable[[list[int]], workloads.Workload]] = {
    "generation-1": lambda ids: workloads.generation(ids, 32, 1),
    "generation-4": lambda ids: workloads.generation(ids, 8, 4),
    "reward": lambda ids: workloads.pairs(ids, 8),
    "dpo-live": lambda ids: workloads.pairs(ids, 8),
    "dpo-computed": lambda ids: workloads.pairs(ids, 8),
    "ppo-1": lambda ids: workloads.rollouts(ids, 32, 1),
    "ppo-4": lambda ids: workloads.rollouts(ids, 8, 4),
}


def main() -> int:
    """Measure what was asked for; 1 where a peer was missing."""
    given = _parser().parse_args()
    file = given.results or (None if given.systems else results.SPEED)
    model = embedded_folder()
    ids = workloads.packaged_ids(model)
    missing = False
    for name in given.only:
        chosen = [one for one in SYSTEMS if one.workload == name and _is_wanted(one, given.systems)]
        found = run(name, chosen, MAKERS[name](ids), model, given.repeats)
        missing |= bool(found["not_run"])
        print(told(name, found), flush=True)
        if file:
            results.keep(file, name, found)
    return int(missing)


def run(
    name: str,
    systems: Sequence[System],
    workload: workloads.Workload,
    model: Path,
    repeats: int,
) -> dict[str, Any]:
    """Measure one workload on all systems that are there; the others are listed with the reason."""
    able = [system for system in systems if not system.missing]
    steps = measure(able, workloads.as_json(workload), model, repeats, _say)
    for system in able:
        drawn = {step["tokens"] for step in steps[system.name]["repeats"]}
        expected = {_tokens_of(system, workload)}
        assert drawn == expected, f"{system.name}: {drawn} tokens where the workload has {expected}"
    return {
        "tokens": workload.num_tokens,
        "systems": {
            one.name: {
                "is_ours": one.is_ours,
                "is_trial": one.is_trial,
                "note": one.note,
                "settings": one.settings,
                **steps[one.name],
            }
            for one in able
        },
        "not_run": {one.name: one.missing for one in systems if one.missing},
    }


def _tokens_of(system: System, workload: workloads.Workload) -> int:
    """Tokens a system says it has seen: our trainers count those of completions only."""
    if isinstance(workload, workloads.Pairs) and system.is_ours:
        return sum(map(len, [*workload.chosen, *workload.rejected]))
    return workload.num_tokens


def told(name: str, found: dict[str, Any]) -> str:
    """A workload's medians, for whoever waits at the terminal."""
    lines = [f"\n{name}: {found['tokens']} tokens"]
    for system, one in found["systems"].items():
        cpu = sorted(step["cpu_seconds"] for step in one["repeats"])
        middle = results.median_of(one["repeats"], "cpu_seconds")
        wall = results.median_of(one["repeats"], "wall_seconds")
        peak = max(step["peak_rss_bytes"] for step in one["repeats"]) / 1e9
        spread = f"[{cpu[0]:.2f}, {cpu[-1]:.2f}]"
        lines.append(
            f"  {system:32} {middle:8.2f} {spread:16} CPU-s {wall:7.2f} s {peak:6.2f} GB "
            f"{found['tokens'] / middle:7.0f} tokens/CPU-s"
        )
    lines += [f"  {system:32} not run: {why}" for system, why in found["not_run"].items()]
    return "\n".join(lines) + "\n"


def _is_wanted(system: System, prefixes: Sequence[str] | None) -> bool:
    return prefixes is None or any(system.name.startswith(prefix) for prefix in prefixes)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--systems", nargs="+", help="those whose names begin so")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", type=Path, help="another file than results/speed.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
