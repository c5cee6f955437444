"""What the runs page gets: curves, gauges of the stop rules, and answers to the same prompts."""

from typing import Literal

from rather.web.contract.shape import Rendered, Shape


class RunSummary(Shape):
    """One run of one stage."""

    id: str
    stage: str
    status: Literal["running", "done", "failed", "stopped"]
    started_at: str
    finished_at: str | None
    message: str
    num_steps: int
    """Steps with a metric."""
    version: str | None
    """What it made."""


class RunsReply(Shape):
    """GET /api/admin/runs: the newest first."""

    runs: list[RunSummary]


class Curve(Shape):
    """One metric of one run; `since` cuts it."""

    name: str
    label: str
    """In words, with the unit."""
    group: Literal["reward", "kl", "length", "loss", "speed", "other"]
    steps: list[int]
    values: list[float | None]
    """Null is not-a-number."""


class Gauge(Shape):
    """How near a stop rule is."""

    rule: str
    says: str
    """What it watches, in words."""
    value: float | None
    warn_at: float | None
    stop_at: float | None
    rises: bool
    """Whether growing is what is dangerous."""
    state: Literal["quiet", "warned", "stopped", "unknown"]


class AlarmInfo(Shape):
    """What a rule said at a step."""

    step: int
    rule: str
    severity: Literal["warn", "stop"]
    sentence: str


class RunReply(Shape):
    """GET /api/admin/runs/{id}?since=STEP: steps after `since` only, so that a page can follow."""

    run: RunSummary
    curves: list[Curve]
    gauges: list[Gauge]
    alarms: list[AlarmInfo]
    last_step: int


class GlimpseInfo(Rendered):
    """One answer to one fixed prompt at one step."""

    step: int
    num_tokens: int
    is_cut_off: bool
    score: float | None
    kl: float | None


class Watched(Shape):
    """One fixed prompt and what the run's model answered to it over time, oldest first."""

    prompt: Rendered
    answers: list[GlimpseInfo]


class GlimpsesReply(Shape):
    """GET /api/admin/runs/{id}/answers"""

    prompts: list[Watched]


# GET /api/admin/report: the report's HTML, made anew from the store (its own page, its own CSP).
