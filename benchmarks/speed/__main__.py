"""Speed and memory beside other people's programs, in one command.

    python -m benchmarks.speed                                      # everything: make bench
    python -m benchmarks.speed --only dpo-live reward --repeats 2   # these workloads
    python -m benchmarks.speed --only reward --systems ours         # printed, and not kept

Every workload's numbers are kept in results/speed.json as soon as it is done; the same command goes
on after the last one, as long as nothing was committed or changed (`--again` begins anew).
`docs/performance.md` says how to read them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import results, workloads
from benchmarks.speed.conductor import Conductor, say
from benchmarks.speed.races import MAKERS, expected_tokens, least_work
from benchmarks.speed.systems import SYSTEMS, WORKLOADS, System, is_by_wall
from rather.models.embedded import embedded_folder
from rather.planning.shape import Shape

FLOORS = "floors"
"""The measurement of the machine itself, by which the others' shares are taken."""


def main() -> int:
    """Measure what was asked for; 1 where a system failed (one that is not there did not)."""
    given = _parser().parse_args()
    file = given.results or (None if given.systems else results.SPEED)
    model = embedded_folder()
    ids = workloads.packaged_ids(model)
    failed = False
    for name in given.only:
        chosen = [one for one in SYSTEMS if one.workload == name]
        wanted = [one for one in chosen if _is_wanted(one, given.systems)]
        here = [one.name for one in wanted if not one.missing]
        asked = {"repeats": given.repeats, "systems": here}
        if file and not given.again and results.is_kept(file, name, asked):
            say(f"{name}: measured already")
            continue
        of = results.revision()
        if name == FLOORS:
            found = run_floors(model, given.repeats)
        else:
            found = run(name, wanted, MAKERS[name](ids), model, given.repeats)
            failed |= bool(found["failed"])
            print(told(name, found), flush=True)
        if file:
            results.keep(file, name, found, asked, of)
    return int(failed)


def run_floors(model: Path, repeats: int) -> dict[str, Any]:
    """Measure the machine: its best rates in every repeat."""
    shape = Shape.of(model)
    widths = {"width": shape.width, "feed_forward_width": shape.feed_forward_width}
    conductor = Conductor({}, model)
    conductor.measure([System("machine", FLOORS, "floors", widths)], repeats)
    return conductor.measured["machine"]


def run(
    name: str,
    systems: Sequence[System],
    workload: workloads.Workload,
    model: Path,
    repeats: int,
) -> dict[str, Any]:
    """Measure one workload on all systems that are there; the others are listed with the reason."""
    conductor, shape = Conductor(workloads.as_json(workload), model), Shape.of(model)
    conductor.measure([system for system in systems if not system.missing], repeats)
    found = {}
    for one in systems:
        if one.name not in conductor.measured:
            continue
        measured = conductor.measured[one.name]
        expected = {expected_tokens(workload, is_ours=one.is_ours)}
        seen = {step["tokens"] for step in measured["repeats"]}
        assert seen == expected, f"{one.name} saw {seen} tokens, the workload has {expected}"
        work = least_work(shape, name, workload, one.settings)
        found[one.name] = {
            "is_ours": one.is_ours,
            "is_trial": one.is_trial,
            "note": one.note,
            "settings": one.settings,
            "least_flops": work.flops,
            "least_bytes": work.num_bytes,
            **measured,
        }
    return {
        "tokens": workload.num_tokens,
        "judged_by": "wall_seconds" if is_by_wall(name) else "cpu_seconds",
        "systems": found,
        "not_run": {one.name: one.missing for one in systems if one.missing},
        "failed": conductor.failed,
    }


def told(name: str, found: dict[str, Any]) -> str:
    """A workload's medians, for whoever waits at the terminal."""
    lines = [f"\n{name}: {found['tokens']} tokens"]
    for system, one in found["systems"].items():
        cpu = [step["cpu_seconds"] for step in one["repeats"]]
        wall = [step["wall_seconds"] for step in one["repeats"]]
        peak = max(step["peak_rss_bytes"] for step in one["repeats"]) / 1e9
        lines.append(
            f"  {system:44} {results.spread(cpu):22} CPU-s {results.spread(wall):22} s "
            f"{peak:5.2f} GB"
        )
    lines += [f"  {system:44} not run: {why}" for system, why in found["not_run"].items()]
    lines += [f"  {system:44} {why}" for system, why in found["failed"].items()]
    return "\n".join(lines) + "\n"


def _is_wanted(system: System, prefixes: Sequence[str] | None) -> bool:
    return prefixes is None or any(system.name.startswith(prefix) for prefix in prefixes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    everything = (FLOORS, *WORKLOADS)
    parser.add_argument("--only", nargs="+", choices=everything, default=everything)
    parser.add_argument("--systems", nargs="+", help="those whose names begin so; nothing is kept")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", type=Path, help="another file than results/speed.json")
    parser.add_argument("--again", action="store_true", help="measure what is there already too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
