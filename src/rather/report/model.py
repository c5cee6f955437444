"""What the report page is made from: frozen, JSON-able records; everything but the title may lack.

A section without data does not appear. Whoever knows the store fills these in; nothing here does.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rather.report.evaluated import (
    Contest,
    Disagreement,
    FrontierPoint,
    InUse,
    PolicyResult,
    Rate,
    RatingTable,
    RewardResult,
)


@dataclass(frozen=True)
class Collected:
    """What one labeller gave."""

    labeller: str
    is_simulated: bool
    counts: Mapping[str, int]
    """Judgments by kind: pair, ranking, demonstration, correction, thumb."""
    num_ties: int = 0
    detail: str = ""
    """Of a simulated labeller: gold score, noise temperature, seed."""


@dataclass(frozen=True)
class Agreement:
    """How far the people agree who judged the same items."""

    kind: str
    raw: Rate | None
    """How often two of them say the same."""
    alpha: Rate | None
    """Krippendorff's α; its interval may reach below 0."""
    reason: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class GuidelineVersion:
    """One text that labellers were shown, and how much was said under it."""

    hash: str
    text: str
    num_judgments: int
    is_current: bool = False


@dataclass(frozen=True)
class Line:
    """One curve: values at steps; a value that is not finite leaves a gap."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """One small chart of a run: lines that share a unit."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class CurveSet:
    """The learning curves of one run."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Answer:
    """One model's answer in a side-by-side sample."""

    policy: str
    text: str
    scores: Mapping[str, float] = field(default_factory=dict)
    is_cut_off: bool = False
    """True when the length limit ended it."""


@dataclass(frozen=True)
class Sample:
    """One held-out prompt with the answer of each model; the first answer is the baseline's."""

    prompt: str
    answers: tuple[Answer, ...]
    rule: str = ""
    """Why this one is shown: largest gain, largest loss, drawn at random."""


@dataclass(frozen=True)
class Dropped:
    """Rows that were not used, with the reason and a few of them."""

    reason: str
    count: int
    stage: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alarm:
    """What one stop rule said about a run, its last sentence standing for all."""

    run: str
    """The version that came of the run, or the run's own name."""
    rule: str
    is_stop: bool
    num_steps: int
    """At how many steps it spoke."""
    last_step: int
    """Counted from 1."""
    sentence: str


@dataclass(frozen=True)
class LineageEntry:
    """A model version and what it grew from."""

    name: str
    stage: str
    parents: tuple[str, ...] = ()
    created_at: str = ""
    num_judgments: int | None = None
    digest: str = ""
    """Of the data it was trained on."""


@dataclass(frozen=True)
class Report:
    """Everything on the page."""

    title: str
    created_at: str = ""
    verdict: str = ""
    """Empty: written from the policies' win rates."""
    criterion: str = ""
    guidelines: str = ""
    cautions: tuple[str, ...] = ()
    """Sentences a reader must not miss, shown beside the verdict."""
    num_heldout_prompts: int = 0
    gold: str = ""
    judge: str = ""
    llm_judge: str = ""
    """What is to know of the judge behind an endpoint: its place bias, its consistency."""
    policies: tuple[PolicyResult, ...] = ()
    contests: tuple[Contest, ...] = ()
    ratings: tuple[RatingTable, ...] = ()
    in_use: InUse | None = None
    frontiers: Mapping[str, tuple[FrontierPoint, ...]] = field(default_factory=dict)
    """By scorer."""
    sweeps: tuple[str, ...] = ()
    """What sweeps of checkpoints found, a sentence each."""
    collected: tuple[Collected, ...] = ()
    agreement: tuple[Agreement, ...] = ()
    guideline_versions: tuple[GuidelineVersion, ...] = ()
    reward_models: tuple[RewardResult, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    curves: tuple[CurveSet, ...] = ()
    samples: tuple[Sample, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    lineage: tuple[LineageEntry, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)
    """Versions of the libraries, Python and the machine, as far as they change results."""


def to_json(report: Report, told: Mapping[str, str]) -> str:
    """Return the report as JSON text with what the page tells of it; numbers that are not finite
    become null."""
    return (
        json.dumps(
            plain({**asdict(report), **told}),
            indent=1,
            ensure_ascii=False,
            sort_keys=True,
            allow_nan=False,
        )
        + "\n"
    )


def plain(value: Any) -> Any:
    """The same value for JSON: lists and dictionaries, null for numbers that are not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
