"""`promote`: the checkpoint of a run that the frontier chooses, published as a version."""

import getpass
from datetime import UTC, datetime
from typing import Any

from rather.config.optimization import Optimization
from rather.config.ppo import PPO
from rather.config.stages import DPO, SFT
from rather.errors import StoppedByRule, UsageError
from rather.records import Learnt, ModelVersion, Run, StageName
from rather.report.model import plain
from rather.stages.history.lineage import learnt_by
from rather.stages.measuring.sweep import (
    Swept,
    as_table,
    describe,
    find_version,
    measure_run,
    put_weights,
)
from rather.stages.runs import Plan, finished_version, publish
from rather.stages.stage import metrics_at, writer
from rather.store import runs
from rather.store.serving import aliases
from rather.training.checkpoints import path_of
from rather.workspace import Workspace

SECTIONS: dict[StageName, type[Optimization]] = {"ppo": PPO, "dpo": DPO, "sft": SFT}
Result = dict[str, Any]


def promote(
    ws: Workspace, name: str, *, step: int | None, dry_run: bool, alias: str | None = None
) -> Result:
    """Publish the point of a run's frontier that is to be taken, or the step that was asked for.

    With `alias` that name means it from then on. Raises StoppedByRule where nothing is better than
    the start.
    """
    result = _promote(ws, name, step=step, dry_run=dry_run)
    if alias is None or dry_run:
        return result
    made = result["promoted"] if "promoted" in result else result["version"]
    aliases.switch(ws.db, alias, made, getpass.getuser())
    return {**result, "summary": f"{result['summary']} {alias} means it now.", "alias": alias}


def _promote(ws: Workspace, name: str, *, step: int | None, dry_run: bool) -> Result:
    version = find_version(ws, name)
    swept = measure_run(ws, version)
    found = plain(describe(swept))
    chosen, reason = found["chosen"]["step"], found["chosen"]["reason"]
    if step is not None:
        chosen, reason = _asked_for(swept, step), f"step {step} was asked for."
    said = f"{version.name}: {reason}"
    if chosen == 0:
        raise StoppedByRule(
            f"{said} Nothing is promoted: {found['start']}, where the run began, is as good.",
            {"text": as_table(found), **found},
        )
    if chosen == _own_step(version, swept):
        return {
            "summary": f"{said} That is {version.name} itself.",
            "version": version.name,
            **found,
        }
    plan = _plan(ws, version, chosen)
    done = finished_version(ws, plan)
    if done is None and dry_run:
        return {"summary": f"{said} It would become a version.", **found}
    if done is None:
        done = _publish(ws, swept, plan, chosen, reason)
    return {
        "summary": f"{said} It is {done.name}, in {done.path}.",
        **found,
        "promoted": done.name,
        "path": done.path,
    }


def _asked_for(swept: Swept, step: int) -> int:
    if step not in swept.answers or step == 0:
        known = ", ".join(str(one) for one in sorted(swept.answers) if one)
        raise UsageError(f"{swept.version.name} has no checkpoint of step {step}; it has {known}.")
    return step


def _own_step(version: ModelVersion, swept: Swept) -> int:
    """The step whose policy the version is: where a rule stopped it, or the last."""
    return int(version.provenance.get("kept_step", max(swept.answers)))


def _plan(ws: Workspace, version: ModelVersion, step: int) -> Plan:
    """What identifies a promotion: of which run, and which step."""
    return Plan(
        stage=version.stage,
        section=SECTIONS[version.stage](**version.provenance["section"]),
        model=version.base,
        start=str(version.provenance["start"]),
        parents=(version.name,),
        data=["promoted", version.run_id, step],
        seed=int(version.provenance["seed"]),
        learnt=learnt_by(ws, version) or Learnt(),
    )


def _publish(ws: Workspace, swept: Swept, plan: Plan, step: int, reason: str) -> ModelVersion:
    version = swept.version
    put_weights(swept.tuned, path_of(ws.runs_dir / version.run_id, step))
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    config = plan.section.model_dump(mode="json")
    runs.start(ws.db, Run(plan.run_id, plan.stage, config, plan.data_digest, "running", now))
    about = {
        "start": plan.start,
        "promoted_from": version.name,
        "promoted_step": step,
        "promoted_because": reason,
    }
    write = writer(swept.tuned, swept.library, plan)
    metrics = metrics_at(ws, version.run_id, step)
    made = publish(ws, swept.library, plan, write, metrics, about)
    runs.finish(ws.db, plan.run_id, "done", f"Promoted from {version.name}: {reason}")
    return made
