"""The figure: how near each method comes, and what a proxy does to the gold. No colour needed."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from examples.known_truth.methods import TOLERANCE
from examples.known_truth.results import Results

INK, SINGLE, ENSEMBLE, PROXY = "#1f2430", "#b4531a", "#0f6e6e", "#5b4a9e"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "rather",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e1da",
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def draw(results: Results, path: Path) -> None:
    """Draw the three panels into an SVG or PNG file."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(12, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        near, far, trained = figure.subplots(1, 3, width_ratios=(1.1, 1, 1))
        _distances(near, results)
        _curves(far, results)
        _points(trained, results)
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _distances(axes: Axes, results: Results) -> None:
    """KL to the optimum, before (hollow) and after (filled)."""
    for place, method in enumerate(results.methods):
        axes.plot([method.before, method.after], [place, place], color=INK, linewidth=0.8)
        label = ("before", "after") if place == 0 else (None, None)
        axes.plot(method.before, place, "o", color=INK, markerfacecolor="white", label=label[0])
        axes.plot(method.after, place, "o", color=INK, label=label[1])
    axes.axvline(TOLERANCE, color=INK, linestyle=(0, (4, 2)), linewidth=1, label="tolerance")
    axes.set_yticks(range(len(results.methods)), [method.name for method in results.methods])
    axes.set_ylim(len(results.methods) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlabel("KL(π ‖ π*) in nats")
    axes.set_title("Each method finds its optimum", fontsize=10)
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.14), ncols=3)


def _curves(axes: Axes, results: Results) -> None:
    """Exact: what one reward model promises, what is got, and what an ensemble gets."""
    for line, name, colour, style, marker in (
        (results.single, "gold, one reward model", SINGLE, "-", "v"),
        (results.ensemble, "gold, ensemble of five", ENSEMBLE, "-.", "^"),
    ):
        axes.plot(line.root_kl, line.gold, color=colour, linestyle=style, linewidth=1.6)
        place = line.peak
        axes.plot(line.root_kl[place], line.gold[place], marker, color=colour, markersize=9)
        axes.plot([], [], color=colour, linestyle=style, marker=marker, label=f"{name} (peak)")
    single = results.single
    axes.plot(
        single.root_kl, single.proxy, color=PROXY, linestyle="--", label="what the model promises"
    )
    axes.set_xlabel("√KL(π ‖ π_ref)")
    axes.set_ylabel("expected score")
    axes.set_title(f"Over-optimisation, {results.num_golds} golds (exact)", fontsize=10)
    axes.legend(loc="lower right", fontsize=8)


def _points(axes: Axes, results: Results) -> None:
    """One gold: policies that PPO trained, beside the curves they should lie on."""
    for kind, colour, style, marker, below in (
        ("one reward model", SINGLE, "-", "v", True),
        ("ensemble", ENSEMBLE, "-.", "^", False),
    ):
        line = results.lines[kind]
        axes.plot(line.root_kl, line.gold, color=colour, linestyle=style, label=f"gold, {kind}")
        points = [point for point in results.points if point.kind == kind]
        for point in points:
            place = (point.kl**0.5, point.gold)
            axes.plot(*place, marker, color=colour, markerfacecolor="white", markersize=8)
            offset = (-4, -16) if below else (-22, 8)
            axes.annotate(
                f"β {point.beta:g}", place, offset, textcoords="offset points", fontsize=7.5
            )
    axes.plot([], [], "v", color=INK, markerfacecolor="white", label="trained by PPO at β")
    axes.set_xlabel("√KL(π ‖ π_ref)")
    axes.set_ylabel("expected gold score")
    axes.set_title("Trained by PPO, one gold", fontsize=10)
    axes.legend(loc="lower left", fontsize=8)
