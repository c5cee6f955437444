"""What the frontier's points look like on docs/frontier.md: a table and a figure."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rather.durable import write_text

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "frontier.json"
FIGURE = ROOT / "docs" / "images" / "frontier.svg"
PAGE = ROOT / "docs" / "frontier.md"
TABLE_BEGINS, TABLE_ENDS = "<!-- the table begins -->\n", "<!-- the table ends -->\n"

Point = dict[str, Any]
NAMES = {
    "base": "base",
    "best-of-n": "best of {:g}",
    "dpo": "DPO, β = {:g}",
    "ppo": "PPO, λ = {:g}",
}
MEASURES = ("kl", "gold", "mean_length", "eos_rate", "base_perplexity")
STYLES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "best-of-n": ("o", "--", "#6b7280", {"xytext": (9, -4), "ha": "left"}),
    "dpo": ("s", "-.", "#0f6e6e", {"xytext": (8, -12), "ha": "left"}),
    "ppo": ("^", "-", "#b4531a", {"xytext": (6, 9), "ha": "center"}),
}
"""Marker, line and colour of a method's points, and where their labels stand."""


def publish(result: dict[str, Any]) -> None:
    """Write the results, the figure, and the table on its page."""
    write_text(RESULTS, json.dumps(result, indent=1) + "\n")
    draw(result, FIGURE)
    before, _, rest = PAGE.read_text("utf-8").partition(TABLE_BEGINS)
    after = rest.partition(TABLE_ENDS)[2]
    write_text(PAGE, f"{before}{TABLE_BEGINS}{table(result['points'])}{TABLE_ENDS}{after}")


def summaries(points: Sequence[Point]) -> list[dict[str, Any]]:
    """One row a method and setting: mean, lowest and highest over the seeds of each measure."""

    def key(point: Point) -> tuple[int, float]:
        sign = 1 if point["method"] == "best-of-n" else -1  # the nearest to the base first
        return list(NAMES).index(point["method"]), sign * (point["setting"] or 0)

    rows = []
    for _, group in groupby(sorted(points, key=key), key):
        same = list(group)
        row = {name: same[0][name] for name in ("method", "setting")}
        row |= {"seeds": len(same), "stopped": sum(bool(one["stopped"]) for one in same)}
        for measure in MEASURES:
            values = [one[measure] for one in same if one[measure] is not None]
            row[measure] = (mean(values), min(values), max(values)) if values else None
        rows.append(row)
    return rows


def table(points: Sequence[Point]) -> str:
    """The results as Markdown: means over the seeds, and from where to where they go."""
    head = ["policy", "KL (nats)", "gold score", "tokens", "stops by itself", "base perplexity"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in summaries(points):
        name = NAMES[row["method"]].format(row["setting"])
        if row["stopped"]:
            name += f" (a rule stopped {row['stopped']} of {row['seeds']})"
        cells = [name, spread(row["kl"], 2), spread(row["gold"], 2)]
        cells += [spread(row["mean_length"], 1), spread(row["eos_rate"], 2)]
        lines.append(f"| {' | '.join([*cells, spread(row['base_perplexity'], 1)])} |")
    return "\n".join(lines) + "\n"


def spread(value: tuple[float, float, float] | None, digits: int) -> str:
    """A mean with its lowest and highest: `0.52 [0.50, 0.55]`, alone where they are the same."""
    if value is None:
        return "–"
    middle, low, high = (f"{number:.{digits}f}" for number in value)
    return middle if low == high else f"{middle} [{low}, {high}]"


def draw(result: dict[str, Any], file: Path) -> None:
    """The figure: each method a marker of its own, small for one seed, large for their mean."""
    style: dict[Any, Any] = {"svg.hashsalt": "rather", "font.size": 9}
    style |= {f"axes.spines.{side}": False for side in ("top", "right")}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(7.2, 4.4), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        for line in result["optimum"]:
            axes.plot(*columns(line), ":", color="black", linewidth=1)
        highest = max((line[-1] for line in result["optimum"]), key=lambda end: end["gold"])
        label = {"textcoords": "offset points", "xytext": (6, 6)}
        axes.annotate("the most there is", (highest["kl"], highest["gold"]), **label)
        for path in result["paths"]:
            axes.plot(path["kl"], path["gold"], color=STYLES["ppo"][2], linewidth=0.7, alpha=0.3)
        for method in STYLES:
            draw_method(axes, method, [one for one in result["points"] if one["method"] == method])
        axes.set_xlabel("KL to the base model (nats a completion)")
        axes.set_ylabel("gold score (VADER) on held-out prompts")
        figure.savefig(file, metadata={"Date": None})


def draw_method(axes: Axes, method: str, points: Sequence[Point]) -> None:
    """One method's points (hollow where a rule stopped it), their means joined and labelled."""
    marker, dashes, colour, place = STYLES[method]
    for one in points:
        face = "white" if one["stopped"] else colour
        axes.plot(
            one["kl"], one["gold"], marker, mfc=face, mec=colour, markersize=4.5, mew=0.7, alpha=0.6
        )
    rows = summaries(points)
    kl, gold = ([row[name][0] for row in rows] for name in ("kl", "gold"))
    axes.plot(kl, gold, dashes, marker=marker, color=colour, markersize=8, mec="white")
    for row, x, y in zip(rows, kl, gold, strict=True):
        name = NAMES[method].format(row["setting"])
        # the method once, at its far end; the dial everywhere
        label = name if row is rows[-1] else name.rpartition(", ")[2].replace("best of", "n =")
        axes.annotate(label, (x, y), textcoords="offset points", color=colour, **place)


def columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """The points' KL and gold scores."""
    return [one["kl"] for one in points], [one["gold"] for one in points]
