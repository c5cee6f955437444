"""How cost grows: our speed and memory as the batch, the length, the adapters and a training's
updates become more.

    python -m benchmarks.speed.linear                      # everything, part of make bench
    python -m benchmarks.speed.linear --only reward dpo    # these only

Each point is a process of its own, so its peak memory is that point's; results/linear.json is
written after each curve, and the same command goes on after the last one (`--again` begins anew).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed import results, workloads
from benchmarks.speed.conductor import Conductor, say
from benchmarks.speed.systems import System
from benchmarks.speed.workloads import Ids, Workload
from rather.models.embedded import embedded_folder

BATCHES, LENGTH = (8, 16, 32, 64), 96
LENGTHS, BATCH = (64, 128, 256, 512), 8
REWARD_ADAPTERS, SERVING_ADAPTERS = (1, 2, 4, 8), (1, 10, 30, 100)
UPDATES = (1, 4, 16, 64)
WRITERS = ("generation", "ppo")

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "reward": ("ours_reward", {"pooling": "last", "head": "random", "depth": 1.0}),
    "dpo": ("ours_dpo", {"reference": "live"}),
    "ppo": ("ours_ppo", {"value_model": "adapter", "adapter": {"tuning": "lora"}}),
    "generation": ("ours_generation", {"adapter": True}),
}
"""A kind's worker and settings, as in the races with peers."""


@dataclass(frozen=True)
class Point:
    """One size of one kind of work."""

    size: int
    system: System
    workload: Workload
    steps: int = 0
    """To take; 0: as many as are asked for."""


def by_batch(kind: str, ids: Ids) -> Iterator[Point]:
    """More and more rows of the same length."""
    for count in BATCHES:
        yield _point(kind, count, ids, count, LENGTH)


def by_length(kind: str, ids: Ids) -> Iterator[Point]:
    """The same number of longer and longer rows."""
    for length in LENGTHS:
        yield _point(kind, length, ids, BATCH, length)


def by_adapters(kind: str, ids: Ids) -> Iterator[Point]:
    """More and more adapters on one backbone, the same rows for each."""
    counts = REWARD_ADAPTERS if kind == "reward" else SERVING_ADAPTERS
    work = workloads.square_writing(ids, BATCH, LENGTH // 2, LENGTH // 2)
    for count in counts:
        settings = {"kind": kind, "num_adapters": count}
        yield Point(count, System(f"{kind} {count}", "linear", "ours_adapters", settings), work)


def by_updates(kind: str, ids: Ids) -> Iterator[Point]:
    """More and more updates, each from rows that no update had before, of other lengths."""
    worker, settings = SETTINGS[kind]
    work = workloads.pairs(ids, BATCH * (1 + max(UPDATES)))  # the first warms up
    for count in UPDATES:
        system = System(f"{kind} {count}", "linear", worker, settings | {"batch_size": BATCH})
        yield Point(count, system, work, steps=count)


def _point(kind: str, size: int, ids: Ids, count: int, length: int) -> Point:
    """Half of a row's length is its prompt."""
    make = workloads.square_writing if kind in WRITERS else workloads.square
    worker, settings = SETTINGS[kind]
    work = make(ids, count, length // 2, length // 2)
    return Point(size, System(f"{kind} {size}", "linear", worker, settings), work)


CURVES = {
    **{f"{kind} by batch": (by_batch, kind) for kind in SETTINGS},
    **{f"{kind} by length": (by_length, kind) for kind in SETTINGS},
    "reward by updates": (by_updates, "reward"),
    "reward adapters": (by_adapters, "reward"),
    "serving adapters": (by_adapters, "serving"),
}
CURVES_OF_THEIR_OWN = {by_updates: "updates", by_adapters: "adapters"}
"""What is asked for by what grows, and not by a kind."""


def curve(points: Iterator[Point], model: Path, repeats: int) -> list[dict[str, Any]]:
    """Every point's steps."""
    found = []
    for point in points:
        told = workloads.as_json(point.workload)
        conductor = Conductor(told, model)
        conductor.measure([point.system], point.steps or repeats)
        steps = conductor.measured[point.system.name]["repeats"]
        found.append({"size": point.size, "tokens": point.workload.num_tokens, "repeats": steps})
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the wanted curves."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.linear",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = (*SETTINGS, *CURVES_OF_THEIR_OWN.values())
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--results", type=Path, default=results.LINEAR)
    parser.add_argument("--again", action="store_true", help="measure what is there already too")
    given = parser.parse_args(arguments)
    model = embedded_folder()
    ids = workloads.packaged_ids(model)
    for name, (points_of, kind) in CURVES.items():
        if CURVES_OF_THEIR_OWN.get(points_of, kind) in given.only:
            asked = {"repeats": given.repeats}
            if not given.again and results.is_kept(given.results, name, asked):
                say(f"{name}: measured already")
                continue
            of = results.revision()
            found = curve(points_of(kind, ids), model, given.repeats)
            results.keep(given.results, name, {"points": found}, asked, of)
    return 0


if __name__ == "__main__":
    sys.exit(main())
