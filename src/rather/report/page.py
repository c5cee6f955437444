"""One self-contained HTML page about a round: verdict first, then everything that supports it.

No script, no network, the same input gives the same bytes, and a section without data is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import get_args

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from rather import durable
from rather.records import Kind
from rather.report import charts
from rather.report.evaluated import JUDGES, PolicyResult, rates_of
from rather.report.format import count, fixed, flat, interval, percent
from rather.report.model import Collected, Report, to_json
from rather.report.regressions import regressions
from rather.report.verdict import tone_of, verdict_of

SHARE = -1
"""In place of a number of digits: a share, written as per cent."""
KINDS = get_args(Kind)


def save(report: Report, folder: Path) -> Path:
    """Write report.html and report.json into the folder and return the page's path."""
    told = {"verdict": verdict_of(report), "tone": tone_of(report)}
    durable.write_text(folder / "report.json", to_json(report, told))
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
        judges={judge: JUDGES[judge] for judge in JUDGES if _is_judged_by(report, judge)},
        judge_names=JUDGES | {"simulated": "simulated labellers"},
        regressions=_regressions(report),
        spreads=_spreads(report),
        calibrations=_calibrations(report),
        curves=_curves(report),
        columns=_policy_columns(report),
        kinds=[kind for kind in KINDS if any(kind in one.counts for one in report.collected)],
        totals=_totals(report.collected),
        num_people=sum(not one.is_simulated for one in report.collected),
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
    if not any(rates_of(policy) for policy in report.policies):
        return None
    drawn = charts.win_rates("win", _baseline_first(report))
    return _Figure("Win rates against the baseline", Markup(drawn))


def _is_judged_by(report: Report, judge: str) -> bool:
    return any(judge in policy.win_rates for policy in report.policies if not policy.is_baseline)


def _regressions(report: Report) -> dict[str, list[str]]:
    """What each policy lost, by its name; those that lost nothing are not in it."""
    base = next((one for one in report.policies if one.is_baseline), None)
    if base is None:
        return {}
    found = {one.name: regressions(one, base) for one in report.policies if not one.is_baseline}
    return {name: said for name, said in found.items() if said}


def _spreads(report: Report) -> list[_Figure]:
    policies = _baseline_first(report)
    names = [one.name for one in policies]
    figures = []
    for judge, label in JUDGES.items():
        key, title = f"scores-{judge}", f"{label[0].upper()}{label[1:]}: held-out answers"
        series = {one.name: one.scores.get(judge, ()) for one in policies}
        if any(series.values()):
            figures.append(_Figure(title, Markup(charts.histogram(key, title, "score", series))))
    lengths = {one.name: one.lengths for one in policies}
    if any(lengths.values()):
        title = "Length of held-out answers"
        drawn = charts.histogram("lengths", title, "tokens", lengths)
        figures.append(_Figure(title, Markup(drawn)))
    for judge, points in report.frontiers.items():
        label = JUDGES.get(judge, judge)
        drawn = charts.frontier(f"frontier-{judge}", points, names)
        figures.append(_Figure(f"Distance from the baseline against {label}", Markup(drawn)))
    return figures


def _calibrations(report: Report) -> list[_Figure]:
    """How sure each reward model is against how often it is right."""
    return [
        _Figure(
            f"Calibration of {model.name}",
            Markup(charts.reliability(f"calibration-{number}", model.name, model.calibration)),
        )
        for number, model in enumerate(report.reward_models)
        if model.calibration
    ]


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


def _policy_columns(report: Report) -> list[tuple[str, int, list[float | None]]]:
    """Return (heading, digits, a value a policy) of the numbers that at least one policy has."""
    policies = report.policies
    scored = [
        (label, 2, [one.means.get(judge) for one in policies]) for judge, label in JUDGES.items()
    ]
    columns = [
        (heading, digits, [getattr(one, name) for one in policies])
        for name, heading, digits in (
            ("kl", "KL (nats)", 1),
            ("mean_length", "Tokens", 1),
            ("eos_rate", "Stops by itself", SHARE),
            ("distinct_2", "Distinct-2", 2),
            ("refusal_rate", "Refusals", SHARE),
            ("repetitive_rate", "Repetitive", SHARE),
            ("base_perplexity", "Base perplexity", 1),
        )
    ]
    return [one for one in [*scored, *columns] if any(value is not None for value in one[2])]


def _totals(collected: tuple[Collected, ...]) -> list[tuple[str, Mapping[str, int], int, int]]:
    """Return (who, counts by kind, ties, judgments) for people and for simulated labellers."""
    rows: list[tuple[str, Mapping[str, int], int, int]] = []
    for who, is_simulated in (("All people", False), ("All simulated labellers", True)):
        group = [one for one in collected if one.is_simulated is is_simulated]
        counts = {kind: sum(one.counts.get(kind, 0) for one in group) for kind in KINDS}
        ties = sum(one.num_ties for one in group)
        rows.append((who, counts, ties, sum(counts.values())))
    return rows
