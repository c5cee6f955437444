"""Figures to inline SVG text: same input, same bytes; colours follow the page's light or dark."""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Each drawn colour stands for a variable of the page; the value itself is the light-mode fallback.
INK, MUTED, GRID, PAPER = "#1f2430", "#656d7d", "#e3e1da", "#fefefd"
SERIES = ("#6b7280", "#0f6e6e", "#b4531a", "#5b4a9e", "#8a6d0b", "#9b2f5c")
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "line", PAPER: "card"} | {
    colour: f"series-{index}" for index, colour in enumerate(SERIES)
}
LINE_STYLES: tuple[Any, ...] = ("--", "-", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCH = "////"
LEGEND_ROW, LEGEND_LETTER, LEGEND_HANDLE = 0.18, 0.06, 0.5
"""Inches of a legend: a row's height, a letter's width, and what stands beside a name."""
MOST_COLUMNS = 4

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "rather",
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.size": 9.0,
    "hatch.linewidth": 0.6,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
    "text.parse_math": False,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.labelcolor": INK,
    "legend.borderaxespad": 0.0,
    "legend.borderpad": 0.2,
    "legend.columnspacing": 1.6,
}


@contextmanager
def _house_style() -> Iterator[None]:
    # A matplotlibrc of the user must not change the bytes: start from matplotlib's own defaults.
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The text stays text: the reader's browser has the letters that the measuring font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def draw(key: str, size: tuple[float, float], caption: str, paint: Callable[[Axes], None]) -> str:
    """Paint one chart and return it as inline SVG.

    `key` must be unique on the page, `size` is in inches, `caption` is read out in its place.
    """
    with _house_style():
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        paint(axes)
        handles, names = axes.get_legend_handles_labels()
        if len(names) > 1:
            # Above the axes, which keep their height: inside them it would hide what it explains.
            columns = _columns(size[0], names)
            figure.set_figheight(size[1] + LEGEND_ROW * (math.ceil(len(names) / columns) - 1))
            figure.legend(handles, names, loc="outside upper left", ncols=columns)
        buffer = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    return _inline(buffer.getvalue(), key, caption)


def _columns(width: float, names: Sequence[str]) -> int:
    """How many names of a legend stand beside each other in so many inches, at most four."""
    longest = max(map(len, names))
    return max(1, min(MOST_COLUMNS, int(width / (LEGEND_HANDLE + LEGEND_LETTER * longest))))


def short(name: str, limit: int = 24) -> str:
    """Return a name that fits beside a chart: its head, an ellipsis and its tail."""
    half = limit // 2 - 1
    return name if len(name) <= limit else f"{name[:half]}…{name[-half:]}"


def _inline(text: str, key: str, caption: str) -> str:
    body = text[text.index("<svg") :]
    # A <style> inside would reach the whole page, and the page has a font of its own.
    body = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"font-family: [^;\"]+", "font-family: var(--sans, sans-serif)", body)
    opening, _, rest = body.partition(">")
    view_box = re.search(r'viewBox="([^"]+)"', opening)
    assert view_box is not None, "matplotlib writes a viewBox"
    rest = _unique_ids(rest.replace("xlink:href", "href"), key)
    for colour, variable in _VARIABLES.items():
        rest = rest.replace(colour, f"var(--{variable}, {colour})")
    label = escape(caption, quote=True)
    width = float(view_box[1].split()[2])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view_box[1]}" role="img" '
        f'aria-label="{label}" class="chart" style="max-width: {width * 1.5:.0f}px">'
        f"<title>{label}</title>{rest.rstrip()}"
    )


def _unique_ids(text: str, key: str) -> str:
    """Keep the ids that something points to, made unique on the page; drop the others."""
    pointed = set(re.findall(r'(?:url\(|href=")#([\w-]+)', text))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{key}-{match[1]}"' if match[1] in pointed else ""

    text = re.sub(r' id="([^"]+)"', renamed, text)
    return re.sub(r'(url\(|href=")#', rf"\1#{key}-", text)
