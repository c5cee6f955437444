"""The charts of the report: numbers in, SVG text out; readable without colour."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from rather.report.evaluated import (
    JUDGES,
    CalibrationBin,
    FrontierPoint,
    PolicyResult,
    Rate,
    rates_of,
)
from rather.report.model import Panel
from rather.report.svg import HATCH, INK, LINE_STYLES, MARKERS, PAPER, SERIES, draw, short


def curve_panel(key: str, panel: Panel) -> str:
    """Draw one panel of a run's learning curves."""

    def paint(axes: Axes) -> None:
        for index, line in enumerate(panel.lines):
            style = (index + 1) % len(SERIES)
            values = [value if math.isfinite(value) else math.nan for value in line.values]
            axes.plot(
                line.steps,
                values,
                color=SERIES[style],
                linestyle=LINE_STYLES[style],
                marker=MARKERS[style] if len(values) <= 30 else "",
                markersize=3,
                linewidth=1.5,
                label=short(line.name),
            )
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))

    return draw(key, (3.9, 2.3), f"{panel.title}: {_ends(panel)}", paint)


def win_rates(key: str, policies: Sequence[PolicyResult]) -> str:
    """Draw the win rate of each policy by each judge with its interval, beside the 50 % line.

    A hollow diamond is the rate at equal length.
    """
    rows = [
        (policy.name, judge, rate)
        for policy in policies
        for judge, rate in rates_of(policy).items()
    ]
    controlled = {
        (policy.name, judge): rate
        for policy in policies
        for judge, rate in policy.length_controlled.items()
    }
    names = list(dict.fromkeys(name for name, _, _ in rows))
    styles = {policy.name: index % len(SERIES) for index, policy in enumerate(policies)}
    # Half a row of air between models.
    places = [place + 0.5 * names.index(name) for place, (name, _, _) in enumerate(rows)]

    def paint(axes: Axes) -> None:
        for place, (name, judge, rate) in zip(places, rows, strict=True):
            _bar(axes, place, rate, SERIES[styles[name]])
            if (name, judge) in controlled:
                axes.plot(
                    [controlled[name, judge].value], [place], marker="D", markersize=5,
                    markerfacecolor=PAPER, markeredgecolor=INK,
                )  # fmt: skip
        axes.axvline(0.5, color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
        axes.set_yticks(places, [f"{short(name)} · {JUDGES[judge]}" for name, judge, _ in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set_ylim(places[-1] + 0.6, -0.6)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        also = "; ◇ at equal length" if controlled else ""
        axes.set_xlabel(f"win rate, with 95 % interval{also}")

    told = "; ".join(f"{name} by {JUDGES[judge]} {rate.value:.0%}" for name, judge, rate in rows)
    return draw(key, (5.0, 0.7 + 0.27 * (places[-1] + 1)), f"Win rates: {told}", paint)


def reliability(key: str, name: str, bins: Sequence[CalibrationBin]) -> str:
    """Draw how often a reward model is right against how sure it is, beside the diagonal."""

    def paint(axes: Axes) -> None:
        axes.plot([0.5, 1], [0.5, 1], color=INK, linewidth=1.1, linestyle=(0, (4, 2)),
                  label="as sure as right")  # fmt: skip
        axes.plot(
            [one.confidence for one in bins],
            [one.accuracy for one in bins],
            color=SERIES[1],
            marker=MARKERS[1],
            markersize=5,
            linewidth=1.2,
            label=short(name),
        )
        for one in bins:
            axes.annotate(
                str(one.n), (one.confidence, one.accuracy), (0, 6), textcoords="offset points",
                ha="center", fontsize=7.5, color=INK,
            )  # fmt: skip
        axes.set_xlim(0.5, 1.0)
        axes.set_ylim(0, 1.08)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        axes.set_xlabel("how sure the model is (pairs beside the marks)")
        axes.set_ylabel("how often it is right")

    told = "; ".join(
        f"{one.confidence:.0%} sure, {one.accuracy:.0%} right of {one.n}" for one in bins
    )
    return draw(key, (3.9, 2.7), f"Calibration of {name}: {told}", paint)


def histogram(key: str, title: str, unit: str, series: Mapping[str, Sequence[float]]) -> str:
    """Draw how values are spread for each model, as shares; the first series is the baseline."""
    finite = {
        name: [float(value) for value in values if math.isfinite(value)]
        for name, values in series.items()
    }
    finite = {name: values for name, values in finite.items() if values}
    styles = {name: index % len(SERIES) for index, name in enumerate(series)}
    edges = _edges([value for values in finite.values() for value in values])

    def paint(axes: Axes) -> None:
        for name, values in finite.items():
            style = styles[name]
            counts = _shares(values, edges)
            axes.stairs(
                counts,
                edges,
                label=short(name),
                color=SERIES[style],
                linestyle=LINE_STYLES[style],
                linewidth=1.5,
            )
            if style == 0:
                axes.stairs(
                    counts, edges, fill=True, facecolor="none", edgecolor=SERIES[0],
                    hatch=HATCH, linewidth=0, alpha=0.45,
                )  # fmt: skip
        axes.set_xlabel(unit)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))

    means = ", ".join(f"{name} mean {sum(v) / len(v):.3g}" for name, v in finite.items())
    return draw(key, (3.9, 2.5), f"{title}: {means}", paint)


def frontier(key: str, points: Sequence[FrontierPoint], policies: Sequence[str] = ()) -> str:
    """Draw reward against KL; `policies` fixes the order of the styles, the baseline first."""
    names = list(dict.fromkeys([*policies, *(point.policy for point in points)]))

    def paint(axes: Axes) -> None:
        for index, name in enumerate(names):
            style = index % len(SERIES)
            own = sorted((point.kl, point.reward) for point in points if point.policy == name)
            if not own:
                continue
            axes.plot(
                [kl for kl, _ in own],
                [reward for _, reward in own],
                color=SERIES[style],
                linestyle=LINE_STYLES[style],
                linewidth=1.2,
                marker=MARKERS[style],
                markersize=6,
                markeredgecolor=PAPER,
                label=short(name),
            )
        axes.set_xlabel("sequence KL (nats)")
        axes.set_ylabel("mean score")
        axes.margins(0.12)

    told = "; ".join(f"{p.policy} KL {p.kl:.3g}, score {p.reward:.3g}" for p in points[:12])
    return draw(key, (3.9, 2.5), f"Reward against KL: {told}", paint)


def _bar(axes: Axes, place: float, rate: Rate, colour: str) -> None:
    axes.barh(place, rate.value, height=0.62, color=colour, alpha=0.28, linewidth=0)
    axes.plot([rate.value], [place], marker="|", markersize=11, markeredgewidth=2.2, color=colour)
    error = [[max(0.0, rate.value - rate.low)], [max(0.0, rate.high - rate.value)]]
    axes.errorbar(rate.value, place, xerr=error, color=INK, linewidth=1.3, capsize=3.5)


def _edges(values: Sequence[float]) -> list[float]:
    num_bins = 12 if len(values) < 400 else 24
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return [low + (high - low) * place / num_bins for place in range(num_bins + 1)]


def _shares(values: Sequence[float], edges: Sequence[float]) -> list[float]:
    counts = [0] * (len(edges) - 1)
    width = edges[-1] - edges[0]
    for value in values:
        place = int((value - edges[0]) / width * len(counts))
        counts[min(place, len(counts) - 1)] += 1
    return [count / len(values) for count in counts]


def _ends(panel: Panel) -> str:
    told = []
    for line in panel.lines:
        finite = [value for value in line.values if math.isfinite(value)]
        if finite:
            told.append(f"{line.name} from {finite[0]:.3g} to {finite[-1]:.3g}")
    return ", ".join(told) or "no finite values"
