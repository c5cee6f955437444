"""Runs and versions: the same inputs are the same run, and a run publishes one version."""

import hashlib
import json
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from shutil import rmtree
from typing import Any

from rather.config.section import Section
from rather.durable import exclusive, staged_directory, verify
from rather.errors import StoppedByRule, UsageError
from rather.failpoints import failpoint
from rather.interrupts import listening
from rather.models.library import CARD_FILE, LEARNT_FILE, Library
from rather.models.source import fingerprint, read_json
from rather.records import Alarm, Learnt, ModelVersion, StageName
from rather.records import Run as RunRecord
from rather.store import runs, versions
from rather.tracking.sinks import tracked
from rather.tracking.trackers import About
from rather.training import loop
from rather.training.learner import Metrics
from rather.training.ranks import joined
from rather.workspace import Workspace

NEWEST = ("ppo", "dpo", "sft")
"""Stages whose newest version `newest` may mean, where a policy is wanted."""

SPEED = "speed/"
"""How the names of metrics begin that a clock gave; every other one is the same each time."""


def open_library(ws: Workspace) -> Library:
    """The models this workspace can name."""
    known = {version.name: version for version in versions.all(ws.db)}
    return Library(ws.root, ws.config.model, ws.config.dtype, known, ws.config.system_prompt)


def policy_name(ws: Workspace, name: str) -> str:
    """A policy's name; `newest` is the version registered last, base when there is none."""
    if name != "newest":
        return name
    policies = [version for version in versions.all(ws.db) if version.stage in NEWEST]
    return policies[-1].name if policies else "base"


def reward_name(ws: Workspace, name: str) -> str:
    """A reward model's name, `newest` replaced by the newest version; UsageError without one."""
    known = [version.name for version in versions.all(ws.db, "reward")]
    if not known:
        raise UsageError("This workspace has no reward model yet: train one with `rather reward`.")
    if name != "newest" and name not in known:
        raise UsageError(f"There is no reward model {name}; this workspace has {', '.join(known)}.")
    return known[-1] if name == "newest" else name


@dataclass(frozen=True)
class Plan:
    """What identifies a run: change any of it and it is another run."""

    stage: StageName
    section: Section
    model: str
    """The backbone's name, as the configuration or a version gives it."""
    start: str
    """The version or model the stage starts from."""
    parents: tuple[str, ...]
    """Workspace versions among what it grew from."""
    data: Any
    """JSON-able digestible data it learns from."""
    seed: int
    setting: tuple[str, ...] = ()
    """What else changes the numbers: the codec's and the weights' fingerprints, the precision."""
    learnt: Learnt = field(default_factory=Learnt)
    """What it learns from, by id; that it is the same says the data already."""

    @property
    def data_digest(self) -> str:
        """Hash of the data."""
        return _digest(self.data)

    @property
    def run_id(self) -> str:
        """`<stage>-<hash of all inputs>`."""
        inputs: list[Any] = [self.section.model_dump(mode="json"), self.model, self.start]
        inputs += [self.parents, self.data_digest, self.seed, self.setting]
        return f"{self.stage}-{_digest(inputs)[:10]}"


def finished_version(ws: Workspace, plan: Plan) -> ModelVersion | None:
    """The version this very run has published already, if it has."""
    made = [version for version in versions.all(ws.db) if version.run_id == plan.run_id]
    return made[-1] if made else None


@contextmanager
def running(ws: Workspace, plan: Plan, fresh: bool) -> Iterator[loop.Run]:
    """Hold a run: locked against a second process, its start and end written down."""
    directory = ws.runs_dir / plan.run_id
    directory.mkdir(parents=True, exist_ok=True)
    with exclusive(directory / "run.lock"):
        if fresh:
            for checkpoint in directory.glob("checkpoint-*"):
                rmtree(checkpoint)
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        config = plan.section.model_dump(mode="json")
        runs.start(
            ws.db, RunRecord(plan.run_id, plan.stage, config, plan.data_digest, "running", now)
        )

        newest: Metrics = {}

        def record(step: int, metrics: Metrics) -> None:
            newest.clear()
            newest.update(metrics)
            runs.record(ws.db, plan.run_id, step, metrics)
            track(step, metrics)

        def took(step: int, seconds: float) -> None:
            runs.record(ws.db, plan.run_id, step, speed(newest, seconds))

        def sound(step: int, alarm: Alarm) -> None:
            runs.sound(ws.db, plan.run_id, step, alarm)

        section = ws.config.track
        about = About(section.project or ws.root.name, plan.run_id, config, directory)
        try:
            with listening(), tracked(section.to, about, ws.progress.say) as track:
                yield loop.Run(directory, record, ws.progress, sound, took=took, ranks=joined())
        except StoppedByRule as rule:
            runs.finish(ws.db, plan.run_id, "stopped", str(rule))
            raise
        except Exception as error:
            runs.finish(ws.db, plan.run_id, "failed", f"{type(error).__name__}: {error}")
            raise
        runs.finish(ws.db, plan.run_id, "done")


def speed(metrics: Metrics, seconds: float) -> Metrics:
    """How fast a step was: no result of the run, so it never enters a version's numbers."""
    found = {"speed/seconds": seconds}
    if "num_tokens" in metrics and seconds > 0:
        found["speed/tokens_per_second"] = metrics["num_tokens"] / seconds
    return found


def publish(
    ws: Workspace,
    library: Library,
    plan: Plan,
    write: Callable[[Path], None],
    metrics: dict[str, float],
    extra: dict[str, Any] | None = None,
) -> ModelVersion:
    """Publish what a run made as the next version: first its folder, then its entry."""
    name, codec = versions.next_name(ws.db, plan.stage), library.codec(plan.start)
    folder = ws.models_dir / name
    provenance = {
        "stage": plan.stage,
        "run_id": plan.run_id,
        "base": plan.model,
        "base_fingerprint": fingerprint(library.folder_of(plan.start)),
        "codec_fingerprint": codec.fingerprint,
        "tokenizer_hash": codec.tokenizer_hash,
        "template_hash": codec.template_hash,
        "start": plan.start,
        "parents": list(plan.parents),
        "data_digest": plan.data_digest,
        "seed": plan.seed,
        "section": plan.section.model_dump(mode="json"),
        "software": software(),
        **(extra or {}),
    }
    # a folder whose entry a crash prevented is ours if it says so; anything else is set aside
    whole = folder.exists() and not verify(folder)
    if whole and read_json(folder / CARD_FILE).get("run_id") != plan.run_id:
        folder.rename(folder.with_name(f".orphan-{name}-{plan.run_id}"))
        whole = False
    if not whole:
        with staged_directory(folder) as staging:
            write(staging)
            (staging / CARD_FILE).write_text(json.dumps(provenance, indent=1) + "\n", "utf-8")
            (staging / LEARNT_FILE).write_text(json.dumps(asdict(plan.learnt)) + "\n", "utf-8")
            (staging / "README.md").write_text(_card(name, plan, metrics), "utf-8")
    failpoint("version.published")
    version = ModelVersion(
        name=name,
        stage=plan.stage,
        base=plan.model,
        parents=plan.parents,
        run_id=plan.run_id,
        path=str(folder.relative_to(ws.root)),
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        metrics=metrics,
        provenance=provenance,
    )
    versions.register(ws.db, version)
    failpoint("version.registered")
    library.versions[name] = version
    return version


def software() -> dict[str, str]:
    """Versions that can change results."""
    packages = ("rather", "torch", "transformers", "tokenizers")
    return {"python": platform.python_version(), **{name: installed(name) for name in packages}}


def _card(name: str, plan: Plan, metrics: dict[str, float]) -> str:
    """A short model card in the Hub's format."""
    kind = "peft" if plan.section.model_dump().get("adapter", {}).get("tuning") != "full" else None
    library_line = f"library_name: {kind}\n" if kind else ""
    rows = "".join(f"| {key} | {value:.4g} |\n" for key, value in metrics.items())
    parents = ", ".join(plan.parents) or "none"
    return (
        f"---\nbase_model: {plan.model}\n{library_line}tags: [rlhf, {plan.stage}]\n---\n"
        f"# {name}\n\nMade by `rather {plan.stage}` (run {plan.run_id}) from {plan.start}; "
        f"parents: {parents}. What it learnt from, with which settings and software, is in "
        f"`{CARD_FILE}`.\n\n| measure | value |\n|---|---|\n{rows}"
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
