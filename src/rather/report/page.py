"""One self-contained HTML page about a round: verdict first, then everything that supports it.

No script, no network, the same input gives the same bytes, and a section without data is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from rather import durable
from rather.report import charts
from rather.report.format import count, fixed, flat, interval, percent
from rather.report.model import Collected, PolicyResult, Report, to_json
from rather.report.verdict import tone_of, verdict_of

KINDS = ("pair", "ranking", "demonstration", "correction", "thumb")


def save(report: Report, folder: Path) -> Path:
    """Write report.html and report.json into the folder and return the page's path."""
    durable.write_text(folder / "report.json", to_json(report))
    page = folder / "report.html"
    durable.write_text(page, render(report))
    return page


def render(report: Report) -> str:
    """Return the whole page as HTML; every text in the report is shown inert."""
    return _template().render(
        report=report,
        verdict=verdict_of(report),
        tone=tone_of(report),
        win_rates=_win_rates(report),
        spreads=_spreads(report),
        curves=_curves(report),
        columns=_policy_columns(report),
        kinds=[kind for kind in KINDS if any(kind in one.counts for one in report.collected)],
        totals=_totals(report.collected),
        settings=flat(report.config),
        style=_style(),
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("rather.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "interval": interval,
        "fixed": fixed,
        "count": count,
    }
    return environment.get_template("page.html")


def _style() -> Markup:
    style = files("rather.report") / "templates" / "page.css"
    return Markup(style.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class _Figure:
    """A drawn chart under its title; the SVG is the only text on the page that is not escaped."""

    title: str
    svg: Markup


def _win_rates(report: Report) -> _Figure | None:
    if not any(charts.rates_of(policy) for policy in report.policies):
        return None
    drawn = charts.win_rates("win", _baseline_first(report))
    return _Figure("Win rates against the baseline", Markup(drawn))


def _spreads(report: Report) -> list[_Figure]:
    policies = _baseline_first(report)
    figures = []
    for key, title, unit in (
        ("golds", "Gold score of held-out answers", "gold score"),
        ("scores", "Reward-model score of held-out answers", "score"),
        ("lengths", "Length of held-out answers", "tokens"),
    ):
        series = {policy.name: getattr(policy, key) for policy in policies}
        if any(series.values()):
            figures.append(_Figure(title, Markup(charts.histogram(key, title, unit, series))))
    if report.frontier:
        drawn = charts.frontier("frontier", report.frontier, [one.name for one in policies])
        figures.append(_Figure("Reward against distance from the reference", Markup(drawn)))
    return figures


def _curves(report: Report) -> list[tuple[str, list[_Figure]]]:
    return [
        (
            run.title,
            [
                _Figure(panel.title, Markup(charts.curve_panel(f"run{number}-{place}", panel)))
                for place, panel in enumerate(run.panels)
            ],
        )
        for number, run in enumerate(report.curves)
        if run.panels
    ]


def _baseline_first(report: Report) -> list[PolicyResult]:
    return sorted(report.policies, key=lambda policy: not policy.is_baseline)


def _policy_columns(report: Report) -> list[tuple[str, str, int]]:
    """Return (attribute, heading, digits) of the numbers that at least one policy has."""
    columns = (
        ("gold_mean", "Gold score", 2),
        ("reward_mean", "Reward", 2),
        ("kl", "KL (nats)", 1),
        ("mean_length", "Tokens", 1),
        ("eos_rate", "Stops by itself", -1),
        ("base_perplexity", "Base perplexity", 1),
    )
    policies = report.policies
    return [one for one in columns if any(getattr(p, one[0]) is not None for p in policies)]


def _totals(collected: tuple[Collected, ...]) -> list[tuple[str, Mapping[str, int], int, int]]:
    """Return (who, counts by kind, ties, judgments) for people and for simulated labellers."""
    rows: list[tuple[str, Mapping[str, int], int, int]] = []
    for who, is_simulated in (("All people", False), ("All simulated labellers", True)):
        group = [one for one in collected if one.is_simulated is is_simulated]
        counts = {kind: sum(one.counts.get(kind, 0) for one in group) for kind in KINDS}
        ties = sum(one.num_ties for one in group)
        rows.append((who, counts, ties, sum(counts.values())))
    return rows
