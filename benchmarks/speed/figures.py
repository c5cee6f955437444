"""How cost grows, drawn and told from results/linear.json; readable without colour."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

from rather.report.svg import LINE_STYLES, MARKERS, SERIES, draw

NAMES = {"reward": "reward model", "dpo": "DPO", "ppo": "PPO step", "generation": "generation"}
PAPER = "#ffffff"
Curve = Sequence[Mapping[str, Any]]


def rate(point: Mapping[str, Any]) -> float:
    """Tokens per CPU-second."""
    return float(point["tokens"] / median(step["cpu_seconds"] for step in point["repeats"]))


def memory(point: Mapping[str, Any]) -> float:
    """The peak's GB."""
    return float(max(step["peak_rss_bytes"] for step in point["repeats"]) / 1e9)


def draw_all(linear: Mapping[str, Any]) -> dict[str, str]:
    """Every figure that there are numbers for, by its file name."""
    drawn = {}
    for by, unit in (("batch", "rows a step"), ("length", "tokens a conversation")):
        found = _named(linear, {f"{kind} by {by}": name for kind, name in NAMES.items()})
        if found:
            speed, size = f"speed-by-{by}.svg", f"memory-by-{by}.svg"
            drawn[speed] = chart(found, unit, "tokens per CPU-second", rate)
            drawn[size] = chart(found, unit, "peak RSS, GB", memory)
    adapters = {"reward adapters": "reward adapters", "serving adapters": "serving adapters"}
    if found := _named(linear, adapters):
        drawn["memory-by-adapters.svg"] = chart(
            found, "adapters on one backbone", "peak RSS, GB", memory
        )
    return drawn


def _named(linear: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Curve]:
    return {name: linear[key]["points"] for key, name in names.items() if key in linear}


def chart(
    curves: Mapping[str, Curve],
    across: str,
    up: str,
    height: Callable[[Mapping[str, Any]], float],
) -> str:
    """One figure: both axes by doublings, a line style and a marker for each curve."""
    sizes = sorted({point["size"] for points in curves.values() for point in points})

    def paint(axes: Axes) -> None:
        for place, (name, points) in enumerate(curves.items()):
            axes.plot(
                [point["size"] for point in points],
                [height(point) for point in points],
                label=name,
                color=SERIES[place],
                linestyle=LINE_STYLES[place],
                marker=MARKERS[place],
                linewidth=1.5,
            )
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(across)
        axes.set_ylabel(up)

    said = "; ".join(
        f"{name} {height(points[0]):.3g} to {height(points[-1]):.3g}"
        for name, points in curves.items()
    )
    key = "".join(letter for letter in f"{up} {across}" if letter.isalnum())
    text = draw(key, (5.2, 3.2), f"{up} by {across}: {said}", paint)
    # a file of its own has no page whose paper it could lie on
    return text.replace('style="', f'style="background: {PAPER}; ', 1) + "\n"


def growth(linear: Mapping[str, Any]) -> str:
    """The curves as a table: tokens per CPU-second and peak memory at every size."""
    lines = ["| curve | size: tokens per CPU-second, peak RSS |", "|---|---|"]
    for name, measured in linear.items():
        is_speed = "by" in name.split()
        cells = [
            f"{point['size']}: "
            + (f"{rate(point):.0f}, " if is_speed else "")
            + f"{memory(point):.2f} GB"
            for point in measured["points"]
        ]
        lines.append(f"| {name} | {' · '.join(cells)} |")
    return "\n".join(lines) + "\n" if linear else ""
