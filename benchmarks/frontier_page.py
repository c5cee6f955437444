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
STYLES = {
    "best-of-n": ("o", "--", "#6b7280", "n = {:g}"),
    "dpo": ("s", "-.", "#0f6e6e", "β = {:g}"),
    "ppo": ("^", "-", "#b4531a", "λ = {:g}"),
}
"""Marker, line, colour and label of a method's points."""


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
            axes.plot(*columns(line), ":", color="black", linewidth=0.9)
        for path in result["paths"]:
            axes.plot(path["kl"], path["gold"], color=STYLES["ppo"][2], linewidth=0.7, alpha=0.3)
        for method in STYLES:
            draw_method(axes, method, [one for one in result["points"] if one["method"] == method])
        axes.set_xlabel("KL to the base model (nats a completion)")
        axes.set_ylabel("gold score (VADER) on held-out prompts")
        figure.savefig(file, metadata={"Date": None})


def draw_method(axes: Axes, method: str, points: Sequence[Point]) -> None:
    """One method's points, their means joined in the order of its setting and labelled with it."""
    marker, dashes, colour, label = STYLES[method]
    axes.plot(*columns(points), marker, color=colour, markersize=4, alpha=0.5, mew=0)
    rows = summaries(points)
    kl, gold = ([row[name][0] for row in rows] for name in ("kl", "gold"))
    axes.plot(kl, gold, dashes, marker=marker, color=colour, markersize=8, mec="white")
    for row, x, y in zip(rows, kl, gold, strict=True):
        text, place = label.format(row["setting"]), (0, -14)
        axes.annotate(text, (x, y), place, textcoords="offset points", color=colour, ha="center")


def columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """The points' KL and gold scores."""
    return [one["kl"] for one in points], [one["gold"] for one in points]
