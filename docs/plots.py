"""Pictures of a report's plots: `python docs/plots.py demo/report.html docs/images` writes them.

The pages on concepts show these, of the report that `rather demo` ends with.
"""

import re
import sys
from pathlib import Path

SECTIONS = re.compile(r"(?=<h3[^>]*>)")
SVG = re.compile(r'<svg\b[^>]*aria-label="([^"]*)"[^>]*>.*?</svg>', re.DOTALL)
PLOTS = {
    "calibration": ("", "Calibration of reward-1"),
    "reward-accuracy": ("reward-1", "Accuracy on the update"),
    "ppo-score": ("ppo-1", "Score: "),
    "ppo-kl": ("ppo-1", "KL to the reference"),
    "ppo-length": ("ppo-1", "Length (tokens)"),
    "dpo-rewards": ("dpo-1", "Implicit reward"),
    "win-rates": ("", "Win rates: "),
    "frontier": ("", "Reward against KL: "),
}
"""Of each picture: the heading it stands below, where that matters, and how its caption begins."""
MARGIN = "#fefefd"
"""The report's own light paper, so that dark letters stay readable on a dark page."""


def plots(report: str) -> dict[str, str]:
    """The SVG text of every plot by the name of its picture; KeyError names one that is missing."""
    found = {}
    for name, (heading, beginning) in PLOTS.items():
        matching = [
            svg[0]
            for part in SECTIONS.split(report)
            if not heading or re.match(rf"<h3[^>]*>{heading}\b", part)
            for svg in SVG.finditer(part)
            if svg[1].startswith(beginning)
        ]
        if not matching:
            raise KeyError(f"the report has no plot for {name} ({beginning!r})")
        found[name] = matching[0]
    return found


def standing_alone(svg: str) -> str:
    """A plot of a page as a picture of its own, on paper."""
    opening, _, rest = svg.partition(">")
    return f'{opening}><rect width="100%" height="100%" fill="{MARGIN}"/>{rest}\n'


if __name__ == "__main__":
    for name, svg in plots(Path(sys.argv[1]).read_text("utf-8")).items():
        target = Path(sys.argv[2]) / f"plot-{name}.svg"
        target.write_text(standing_alone(svg), encoding="utf-8")
