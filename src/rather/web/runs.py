"""Routes of the runs page: what training recorded, how near its stop rules are, the report."""

import math
from collections.abc import Callable, Sequence
from threading import Lock

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from rather.records import Glimpse, Prompt, Run
from rather.report import gauges
from rather.report.metrics import GAUGE, meaning, place
from rather.store import glimpses, prompts, runs, versions
from rather.store.database import Database
from rather.web.contract.runs import (
    AlarmInfo,
    Curve,
    Gauge,
    GlimpseInfo,
    GlimpsesReply,
    RunReply,
    RunsReply,
    RunSummary,
    Watched,
)
from rather.web.contract.shape import Rendered
from rather.web.markup import to_html, visible
from rather.web.replies import Refusal

REPORT_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'none'",
        # its one style sheet, and what matplotlib writes into the figures, stand in the page
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "sandbox",
    ]
)


def router(db: Database, report: Callable[[], str] | None = None) -> APIRouter:
    """Routes for admins; `report` makes the report's HTML anew, None where it cannot be made."""
    routes = APIRouter(prefix="/api/admin")
    drawing = Lock()  # one report at a time: it is work, and nobody needs two

    @routes.get("/runs")
    def all_runs() -> RunsReply:
        """Every run, the newest first."""
        lengths, made = runs.lengths(db), _made(db)
        known = [_summary(run, lengths, made) for run in reversed(runs.all(db))]
        return RunsReply(runs=known)

    @routes.get("/runs/{run_id}")
    def one_run(run_id: str, since: int = -1) -> RunReply:
        """One run's curves after a step, its gauges and alarms."""
        return _reply(db, _found(db, run_id), since)

    @routes.get("/runs/{run_id}/answers")
    def answers(run_id: str) -> GlimpsesReply:
        """What its model answered to the same prompts over time."""
        _found(db, run_id)
        return GlimpsesReply(prompts=_watched(db, glimpses.of_run(db, run_id)))

    @routes.get("/report")
    def page() -> Response:
        """The report, under a policy of its own: it is text and drawings, and runs nothing."""
        if report is None:
            raise Refusal(501, "The report cannot be made here: PyTorch is not installed.")
        with drawing:
            html = report()
        return HTMLResponse(html, headers={"Content-Security-Policy": REPORT_POLICY})

    return routes


def _found(db: Database, run_id: str) -> Run:
    run = runs.get(db, run_id)
    if run is None:
        raise Refusal(404, "There is no such run.", code="unknown_run")
    return run


def _made(db: Database) -> dict[str, str]:
    """The version each run made."""
    return {version.run_id: version.name for version in versions.all(db)}


def _summary(run: Run, lengths: dict[str, tuple[int, int]], made: dict[str, str]) -> RunSummary:
    return RunSummary(
        id=run.id,
        stage=run.stage,
        status=run.status,
        started_at=run.started_at,
        finished_at=run.finished_at,
        message=run.message,
        num_steps=lengths.get(run.id, (0, -1))[0],
        version=made.get(run.id),
    )


def _reply(db: Database, run: Run, since: int) -> RunReply:
    alarms, lengths = runs.alarms(db, run.id), runs.lengths(db, run.id)
    near = gauges.gauges(run.stage, run.config, runs.newest(db, run.id), alarms)
    return RunReply(
        run=_summary(run, lengths, _made(db)),
        curves=_curves(runs.metrics(db, run.id, after=since)),
        gauges=[Gauge(**vars(one)) for one in near],
        alarms=[
            AlarmInfo(step=step, rule=alarm.rule, severity=alarm.severity, sentence=alarm.sentence)
            for step, alarm in alarms
        ],
        last_step=lengths.get(run.id, (0, -1))[1],
    )


def _curves(recorded: Sequence[tuple[int, str, float]]) -> list[Curve]:
    """Every metric but the rules' own, which are shown as gauges."""
    points: dict[str, tuple[list[int], list[float | None]]] = {}
    for step, name, value in recorded:
        if not name.startswith(GAUGE):
            steps, values = points.setdefault(name, ([], []))
            steps.append(step)
            values.append(value if math.isfinite(value) else None)
    return [
        Curve(
            name=name,
            label=meaning(name).label,
            group=meaning(name).group,
            steps=points[name][0],
            values=points[name][1],
        )
        for name in sorted(points, key=place)
    ]


def _watched(db: Database, seen: Sequence[Glimpse]) -> list[Watched]:
    """By prompt: those first that the run does not learn from, then as they were stored."""
    by_prompt: dict[str, list[Glimpse]] = {}
    for one in seen:
        by_prompt.setdefault(one.prompt_id, []).append(one)
    asked = [prompt for prompt in prompts.all(db) if prompt.id in by_prompt]
    asked.sort(key=lambda prompt: prompt.split != "heldout")
    return [
        Watched(
            prompt=_rendered(_text(prompt)),
            answers=[_glimpse(one) for one in by_prompt[prompt.id]],
        )
        for prompt in asked
    ]


def _glimpse(one: Glimpse) -> GlimpseInfo:
    return GlimpseInfo(
        **dict(_rendered(one.text)),
        step=one.step,
        num_tokens=one.num_tokens,
        is_cut_off=one.finish_reason == "length",
        score=one.score,
        kl=one.kl,
    )


def _text(prompt: Prompt) -> str:
    if len(prompt.messages) == 1:
        return prompt.messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in prompt.messages)


def _rendered(text: str) -> Rendered:
    return Rendered(html=to_html(text), text=visible(text))
