"""What the arms look like on docs/rounds.md: a table and a figure."""

import json
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from rather.durable import write_text

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "active.json"
FIGURE = ROOT / "docs" / "images" / "active.svg"
PAGE = ROOT / "docs" / "rounds.md"
TABLE_BEGINS, TABLE_ENDS = "<!-- the table begins -->\n", "<!-- the table ends -->\n"
STYLES = {
    "chance": ("o", "--", "#6b7280"),
    "chosen": ("s", "-", "#0f6e6e"),
    "disagreement alone": ("^", ":", "#b4531a"),
    "coverage alone": ("D", "-.", "#5b4a9e"),
}
"""Marker, line and colour of an arm."""


def publish(result: dict[str, Any]) -> None:
    """Write the results, the figure, and the table on its page."""
    write_text(RESULTS, json.dumps(result, indent=1) + "\n")
    draw(result, FIGURE)
    before, _, rest = PAGE.read_text("utf-8").partition(TABLE_BEGINS)
    after = rest.partition(TABLE_ENDS)[2]
    write_text(PAGE, f"{before}{TABLE_BEGINS}{table(result)}{TABLE_ENDS}{after}")


def table(result: dict[str, Any]) -> str:
    """Accuracy by number of labels, and each arm's difference from chance with its error."""
    arms = [arm for arm in result["arms"] if arm != "chance"]
    lines = ["| labels | chance | " + " | ".join(f"{arm} | less chance" for arm in arms) + " |"]
    lines.append("|---" * (2 + 2 * len(arms)) + "|")
    for place, labels in enumerate(result["labels"]):
        cells = [str(labels), f"{result['arms']['chance']['accuracy'][place]:.3f}"]
        for arm in arms:
            one = result["arms"][arm]
            apart, error = one["above_chance"][place], one["above_chance_error"][place]
            cells += [f"{one['accuracy'][place]:.3f}", f"{apart:+.3f} ± {error:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(result: dict[str, Any], file: Path) -> None:
    """The figure: a line and a marker an arm, bars for the standard error over the seeds."""
    style: dict[Any, Any] = {"svg.hashsalt": "rather", "font.size": 9}
    style |= {f"axes.spines.{side}": False for side in ("top", "right")}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(6.4, 3.8), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        for arm, one in result["arms"].items():
            marker, dashes, colour = STYLES[arm]
            axes.errorbar(
                result["labels"], one["accuracy"], yerr=one["error"], fmt=dashes, marker=marker,
                color=colour, markersize=5, linewidth=1.2, elinewidth=0.7, label=arm,
            )  # fmt: skip
        axes.set_xlabel("labels given")
        axes.set_ylabel("accuracy on pairs of other prompts")
        axes.legend(frameon=False, loc="lower right")
        figure.savefig(file, metadata={"Date": None})
