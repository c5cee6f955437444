"""How cost grows, drawn and told from results/linear.json; readable without colour."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

from rather.report.svg import LINE_STYLES, MARKERS, SERIES, draw

NAMES = {"reward": "reward model", "dpo": "DPO", "ppo": "PPO step", "generation": "generation"}
BY_BATCH, BY_LENGTH = (tuple(f"{kind} by {by}" for kind in NAMES) for by in ("batch", "length"))
FIGURES = {
    "speed-by-batch": BY_BATCH,
    "memory-by-batch": BY_BATCH,
    "speed-by-length": BY_LENGTH,
    "memory-by-length": BY_LENGTH,
    "memory-by-updates": ("reward by updates",),
    "memory-by-adapters": ("reward adapters", "serving adapters"),
}
"""A figure's name and its curves."""
ACROSS = {
    "batch": "rows a step",
    "length": "tokens a row",
    "updates": "updates, each of new rows",
    "adapters": "adapters on one backbone",
}
PAPER = "#ffffff"
Curve = Sequence[Mapping[str, Any]]


def rate(point: Mapping[str, Any]) -> float:
    """Tokens per CPU-second."""
    return float(point["tokens"] / median(step["cpu_seconds"] for step in point["repeats"]))


def memory(point: Mapping[str, Any]) -> float:
    """The peak's GB."""
    return float(max(step["peak_rss_bytes"] for step in point["repeats"]) / 1e9)


class Upward(NamedTuple):
    """What a figure shows, what its axis says, and whether it goes by doublings (else from 0)."""

    height: Callable[[Mapping[str, Any]], float]
    title: str
    doubles: bool


UPWARD = {
    "speed": Upward(rate, "tokens per CPU-second", doubles=True),
    "memory": Upward(memory, "peak RSS, GB", doubles=False),
}
"""By the first word of a figure's name."""


def draw_all(linear: Mapping[str, Any]) -> dict[str, str]:
    """Every figure that there are numbers for, by its file name."""
    drawn = {}
    for name, keys in FIGURES.items():
        curves = {_label(key): linear[key]["points"] for key in keys if key in linear}
        up = UPWARD[name.partition("-")[0]]
        if curves:
            drawn[f"{name}.svg"] = chart(curves, ACROSS[name.rpartition("-")[2]], up)
    return drawn


def _label(key: str) -> str:
    """What a curve is called in a figure that says by what it grows."""
    return NAMES.get(key.partition(" ")[0], key) if " by " in key else key


def chart(curves: Mapping[str, Curve], across: str, up: Upward) -> str:
    """One figure: a line style and a marker for each curve, sizes by doublings."""
    sizes = sorted({point["size"] for points in curves.values() for point in points})

    def paint(axes: Axes) -> None:
        for place, (name, points) in enumerate(curves.items()):
            axes.plot(
                [point["size"] for point in points],
                [up.height(point) for point in points],
                label=name,
                color=SERIES[place],
                linestyle=LINE_STYLES[place],
                marker=MARKERS[place],
                linewidth=1.5,
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        if up.doubles:
            axes.set_yscale("log", base=2)
            axes.yaxis.set_major_formatter(ScalarFormatter())
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlabel(across)
        axes.set_ylabel(up.title)

    said = "; ".join(
        f"{name} {up.height(points[0]):.3g} to {up.height(points[-1]):.3g}"
        for name, points in curves.items()
    )
    key = "".join(letter for letter in f"{up.title} {across}" if letter.isalnum())
    text = draw(key, (5.2, 3.2), f"{up.title} by {across}: {said}", paint)
    # a file of its own has no page whose paper it could lie on
    return text.replace('style="', f'style="background: {PAPER}; ', 1) + "\n"


def growth(linear: Mapping[str, Any]) -> str:
    """The curves as a table: tokens per CPU-second and peak memory at every size."""
    lines = ["| curve | size: tokens per CPU-second, peak RSS |", "|---|---|"]
    for name, measured in linear.items():
        has_speed = name in BY_BATCH + BY_LENGTH
        cells = [_cell(point, has_speed) for point in measured["points"]]
        lines.append(f"| {name} | {' · '.join(cells)} |")
    files = [name for name, keys in FIGURES.items() if any(key in linear for key in keys)]
    shown = [f"![{name.replace('-', ' ')}](images/{name}.svg)" for name in files]
    told = f"Measured: {'; '.join(_occasions(linear))}."
    return "\n".join([*lines, "", told, "", *shown, ""]) if linear else ""


def _occasions(linear: Mapping[str, Any]) -> list[str]:
    """On which machine, when, and at which revision, with the curves of each."""
    found: dict[str, list[str]] = {}
    for name, measured in linear.items():
        when = f"{measured['measured_at'][:10]} at revision {measured['revision']}"
        found.setdefault(f"{measured['machine']['processor']}, {when}", []).append(name)
    return [f"{', '.join(names)} on {occasion}" for occasion, names in found.items()]


def _cell(point: Mapping[str, Any], has_speed: bool) -> str:
    speed = f"{rate(point):.0f}, " if has_speed else ""
    return f"{point['size']}: {speed}{memory(point):.2f} GB"
