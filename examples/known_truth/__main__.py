"""One command: train everything in the known world, print the numbers, draw the figure."""

import argparse
import json
import sys
from pathlib import Path

import torch

from examples.known_truth.figure import draw
from examples.known_truth.methods import TOLERANCE
from examples.known_truth.results import Results, compute

FIGURE = Path("docs/images/known-truth.svg")


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m examples.known_truth", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="where to draw (.svg or .png)")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # tensors this small only wait for each other
    results = compute(lambda line: print(line, file=sys.stderr, flush=True))
    draw(results, asked.figure)
    if asked.json:
        print(json.dumps(as_json(results), indent=1))
    else:
        print(as_table(results))


def as_json(results: Results) -> dict[str, object]:
    """The results by name."""
    return {
        "tolerance": TOLERANCE,
        "methods": [method._asdict() for method in results.methods],
        "num_golds": results.num_golds,
        "single": results.single._asdict(),
        "ensemble": results.ensemble._asdict(),
        "lines": {kind: line._asdict() for kind, line in results.lines.items()},
        "points": [point._asdict() for point in results.points],
    }


def as_table(results: Results) -> str:
    """The results as Markdown tables."""
    rows = [
        "| method | KL(π_ref ‖ π*) | KL(π ‖ π*) | J(π) | J(π*) |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| {m.name} | {m.before:.3f} | {m.after:.4f} | {m.value:.3f} | {m.best:.3f} |"
        for m in results.methods
    ]
    rows += ["", "| proxy | gold at the start | at the peak | KL there | at the end | KL there |"]
    rows += ["|---|---|---|---|---|---|"]
    for name, line in (("one reward model", results.single), ("ensemble", results.ensemble)):
        gold, kl, peak = line.gold, [root**2 for root in line.root_kl], line.peak
        rows.append(
            f"| {name} | {gold[0]:.2f} | {gold[peak]:.2f} | {kl[peak]:.2f} | {gold[-1]:.2f} "
            f"| {kl[-1]:.2f} |"
        )
    rows += ["", "| PPO against | β | KL | of π_β | gold | of π_β |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {p.kind} | {p.beta:g} | {p.kl:.2f} | {p.exact_kl:.2f} | {p.gold:.2f} "
        f"| {p.exact_gold:.2f} |"
        for p in results.points
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
