"""What every training stage does before and after it trains: plan, early answers, publish."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rather.config.optimization import Optimization
from rather.errors import DataError, StoppedByRule
from rather.models.library import Library, member_folders, save_head, save_weights
from rather.models.roles import RewardModel
from rather.models.source import fingerprint
from rather.models.tuning import Tuned
from rather.records import ModelVersion
from rather.stages.examples import LeftOut
from rather.stages.runs import SPEED, Plan, finished_version, publish
from rather.store import runs
from rather.workspace import Workspace

Result = dict[str, Any]


def plan_of(
    ws: Workspace,
    library: Library,
    stage: Any,
    section: Optimization,
    start: str,
    data: Any,
) -> Plan:
    """What identifies the run that a stage is about to make."""
    version = library.versions.get(start)
    base = ws.config.model if start == "base" else version.base if version else start
    if version and library.folder_of(start) == ws.root / version.path:
        base = version.path  # a whole model: what grows from it sits on these weights
    own_seed = getattr(section, "seed", None)
    return Plan(
        stage=stage,
        section=section,
        model=base,
        start=start,
        parents=(start,) if version else (),
        data=data,
        seed=ws.config.seed if own_seed is None else own_seed,
        setting=(
            library.codec(start).fingerprint,
            fingerprint(library.folder_of(start)),
            ws.config.dtype,
        ),
    )


def early_answer(
    ws: Workspace, plan: Plan, dry_run: bool, fresh: bool, data: str, left_out: LeftOut
) -> Result | None:
    """The answer where nothing is to be trained: a dry run, or the very same run is done."""
    left_out.tell(ws.progress.say)
    done = finished_version(ws, plan)
    if dry_run:
        going_on = " (done already)" if done else ""
        return {
            "summary": f"would train {plan.stage} from {plan.start} on {data}{going_on}.",
            "run_id": plan.run_id,
            "left_out": left_out.counts,
        }
    if done is None or fresh:
        return None
    rule = done.provenance.get("stopped")
    stopped = stopped_with(rule, done) if rule else None
    known = runs.get(ws.db, plan.run_id)
    if known is not None and known.status == "running":  # killed between the version and the end
        runs.finish(ws.db, plan.run_id, "stopped" if stopped else "done", str(stopped or ""))
    if stopped:
        raise stopped
    return {**result_of(done, left_out), "summary": f"{done.name} is done already."}


def need(found: Any, what: str, command: str, left_out: LeftOut) -> None:
    """DataError, with what was left out and why, when nothing was found to learn from."""
    if found:
        return
    if left_out.held_back and not left_out.counts:
        raise DataError(
            f"All {left_out.held_back} {what} are about held-out prompts; import more prompts, or "
            "import into a new workspace with a smaller heldout_fraction."
        )
    reasons = "; ".join(f"{count} left out: {why}" for why, count in left_out.counts.items())
    why = f" ({reasons})" if reasons else ""
    raise DataError(f"There are no {what} on training prompts to learn from{why}; try `{command}`.")


def train_and_publish(
    ws: Workspace,
    library: Library,
    plan: Plan,
    tuned: Tuned,
    extra: dict[str, Any],
    train: Callable[[], None],
) -> ModelVersion:
    """Train, and publish what came of it; where a rule stops it, the last good policy.

    StoppedByRule then says what was kept.
    """
    about = dict(extra)
    write = writer(tuned, library, plan)
    try:
        train()
    except StoppedByRule as rule:
        if not rule.kept_step:
            raise StoppedByRule(
                f"{rule} Nothing was published: {plan.start}, where it began, is the last good one."
            ) from rule
        metrics = metrics_at(ws, plan.run_id, rule.kept_step)
        about |= {"stopped": str(rule), "kept_step": rule.kept_step}
        version = publish(ws, library, plan, write, metrics, about)
        raise stopped_with(str(rule), version) from rule
    metrics = metrics_at(ws, plan.run_id)
    return publish(ws, library, plan, write, metrics, about)


def stopped_with(stopped: str, version: ModelVersion) -> StoppedByRule:
    """What to raise when a run was stopped and this version is left of it."""
    step = version.provenance["kept_step"]
    rule = StoppedByRule(f"{stopped} {version.name} is the last good policy, of step {step}.")
    rule.kept_step, rule.version = step, version.name
    return rule


def writer(tuned: Tuned, library: Library, plan: Plan) -> Callable[[Path], None]:
    """Writes the trained weights into the folder of a version."""
    codec = library.codec(plan.start)
    return lambda folder: save_weights(folder, tuned.backbone, tuned.adapter, plan.model, codec)


def reward_writer(
    members: Sequence[RewardModel], library: Library, plan: Plan
) -> Callable[[Path], None]:
    """Writes adapter and head of one reward model, or of each of an ensemble's."""

    def write(folder: Path) -> None:
        codec = library.codec(plan.start)
        for place, member in zip(member_folders(len(members)), members, strict=True):
            own = folder / place
            own.mkdir(exist_ok=True)
            save_weights(own, member.backbone, member.adapter, plan.model, codec)
            save_head(own, member.head)

    return write


def metrics_at(ws: Workspace, run_id: str, step: int | None = None) -> dict[str, float]:
    """A run's numbers at a step, its last one without."""
    found = runs.metrics(ws.db, run_id)
    wanted = max((one for one, _, _ in found), default=0) if step is None else step
    return {
        name: value for one, name, value in found if one == wanted and not name.startswith(SPEED)
    }


def result_of(version: ModelVersion, left_out: LeftOut) -> Result:
    """What a stage answers about the version it made."""
    shown = ("accuracy", "num_pairs", "loss", "objective/scores", "objective/kl")
    numbers = ", ".join(
        f"{key.split('/')[-1]} {version.metrics[key]:.3g}"
        for key in shown
        if key in version.metrics
    )
    return {
        "summary": f"{version.name} is ready in {version.path} ({numbers}).",
        "version": version.name,
        "path": version.path,
        "run_id": version.run_id,
        "metrics": version.metrics,
        "left_out": left_out.counts,
    }
