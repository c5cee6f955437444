"""`sft`, `reward`, `ppo`, `dpo`: from the store to a trainer, and from its weights to a version."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rather.config.stages import Optimization
from rather.data.judged import Judged
from rather.errors import DataError
from rather.evaluation.reward_model import held_out_accuracy
from rather.models.heads import ScalarHead
from rather.models.library import Library, save_head, save_weights
from rather.models.roles import Policy
from rather.models.tuning import Tuned, start_tuning
from rather.records import ModelVersion
from rather.rollout.rollout import Roles
from rather.stages import examples
from rather.stages.critic import make_critic
from rather.stages.evaluating import accuracy_metrics
from rather.stages.examples import LeftOut
from rather.stages.fresh import fresh_backbone
from rather.stages.runs import (
    Plan,
    finished_version,
    open_library,
    policy_name,
    publish,
    running,
)
from rather.stages.scorers import is_reward_model, make_scorer, resolved_mix
from rather.store import runs
from rather.training.dpo import train_dpo
from rather.training.ppo import Cast, train_ppo
from rather.training.reward import train_reward
from rather.training.sft import train_sft
from rather.workspace import Workspace

Result = dict[str, Any]
REFERENCE_ROWS = 64
"""Rows whose mean score is moved to 0 after a reward model is trained."""


def sft(ws: Workspace, *, dry_run: bool, fresh: bool) -> Result:
    """Learn from demonstrations and corrections, or from plain text."""
    section, library = ws.config.sft, open_library(ws)
    start = policy_name(ws, section.start)
    if section.fresh_config is not None:
        library.base = start = fresh_backbone(ws, section)
    codec = library.codec(start)
    rows, identity, left_out = examples.demonstration_rows(ws, section, codec)
    _need(rows, "demonstrations", "rather import FILE --as demonstrations", left_out)
    plan = _plan(ws, library, "sft", section, start, identity)
    if answer := _early(ws, plan, dry_run, fresh, f"{len(rows)} demonstrations", left_out):
        return answer
    with running(ws, plan, fresh) as run:
        tuned = start_tuning(library.policy(start), "learning", section.adapter, plan.seed)
        train_sft(section, tuned, rows, run, plan.seed)
        version = _publish_policy(ws, library, plan, tuned, {"num_demonstrations": len(rows)})
    return _result(version, left_out)


def reward(ws: Workspace, *, dry_run: bool, fresh: bool) -> Result:
    """Learn from comparisons what people prefer; measured on comparisons held out."""
    section, library = ws.config.reward, open_library(ws)
    start = policy_name(ws, section.start)
    codec = library.codec(start)
    found, left_out = examples.load_comparisons(ws, "train")
    if section.ties == "drop":
        found = examples.without_tied_pairs(found, left_out)
    judged = examples.judged_rows(found, codec, left_out)
    _need(judged, "comparisons", "rather label` or `rather import FILE --as pairs", left_out)
    held_out, _ = examples.load_comparisons(ws, "heldout")
    tests = examples.judged_rows(held_out, codec, left_out)
    plan = _plan(ws, library, "reward", section, start, examples.identity(found))
    if answer := _early(ws, plan, dry_run, fresh, f"{len(found)} comparisons", left_out):
        return answer
    with running(ws, plan, fresh) as run:
        tuned = start_tuning(library.policy(start), "learning", section.adapter, plan.seed)
        reference = [one.row for one in judged[:REFERENCE_ROWS]]
        model = train_reward(section, tuned, judged, reference, run, plan.seed)
        accuracy = held_out_accuracy(model, tests, section.microbatch_tokens)
        metrics = {
            "num_training_comparisons": float(len(found)),
            **(accuracy_metrics(accuracy) if accuracy.accuracy.n else {}),
        }
        extra = {
            "pooling": section.pooling,
            "num_judgments": len(found),
            "simulated_judgments": sum(one.is_simulated for one in found),
        }
        version = publish(
            ws, library, plan, _writer(tuned, library, plan, model.head), metrics, extra
        )
    return _result(version, left_out)


def dpo(ws: Workspace, *, dry_run: bool, fresh: bool) -> Result:
    """Tune the policy on the comparisons directly."""
    section, library = ws.config.dpo, open_library(ws)
    start = policy_name(ws, section.start)
    found, left_out = examples.load_comparisons(ws, "train")
    found = examples.without_tied_pairs(found, left_out)
    judged = examples.judged_rows(found, library.codec(start), left_out)
    _need(judged, "comparisons", "rather label` or `rather import FILE --as pairs", left_out)
    plan = _plan(ws, library, "dpo", section, start, examples.identity(found))
    if answer := _early(ws, plan, dry_run, fresh, f"{len(found)} comparisons", left_out):
        return answer
    with running(ws, plan, fresh) as run:
        reference = library.policy(start)
        tuned = start_tuning(reference, "learning", section.adapter, plan.seed)
        train_dpo(section, tuned, reference, _with_pairs(judged), run, plan.seed)
        version = _publish_policy(ws, library, plan, tuned, {"num_judgments": len(found)})
    return _result(version, left_out)


def ppo(ws: Workspace, *, dry_run: bool, fresh: bool) -> Result:
    """Tune the policy against the reward, close to its reference."""
    section, library = ws.config.ppo, open_library(ws)
    start = policy_name(ws, section.start)
    codec = library.codec(start)
    mix = resolved_mix(ws, section.reward)
    left_out = LeftOut()
    tasks = examples.tasks(ws, codec, left_out)
    _need(tasks, "prompts", "rather import FILE --as prompts", left_out)
    parents = tuple(name for _, name in mix if is_reward_model(name))
    data = [[task.prompt.id for task in tasks], mix]
    plan = _plan(ws, library, "ppo", section, start, data)
    plan = replace(plan, parents=(*plan.parents, *parents))
    if answer := _early(
        ws, plan, dry_run, fresh, f"{len(tasks)} prompts against {_spelled(mix)}", left_out
    ):
        return answer
    with running(ws, plan, fresh) as run:
        reference = library.policy(start)
        tuned = start_tuning(reference, "learning", section.adapter, plan.seed)
        policy = Policy(tuned.backbone, tuned.adapter)
        value, value_weights = make_critic(ws, library, policy, parents, plan.seed)
        scorer = make_scorer(ws, library, mix, codec, section.microbatch_tokens)
        cast = Cast(
            Roles(policy, reference, value, scorer),
            {**tuned.parameters, **value_weights},
            codec.stop_ids,
            ws.progress,
        )
        train_ppo(section, cast, tasks, run, plan.seed)
        version = _publish_policy(ws, library, plan, tuned, {"num_prompts": len(tasks)})
    return _result(version, left_out)


def _spelled(mix: list[tuple[float, str]]) -> str:
    return " + ".join(name if weight == 1 else f"{weight:g}*{name}" for weight, name in mix)


def _with_pairs(judged: list[Judged]) -> list[Judged]:
    """Rows that have at least one better and one worse completion."""
    return [one for one in judged if one.pairs]


def _plan(
    ws: Workspace,
    library: Library,
    stage: Any,
    section: Optimization,
    start: str,
    data: Any,
) -> Plan:
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
        setting=(library.codec(start).fingerprint, ws.config.dtype),
    )


def _early(
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
    if done and not fresh:
        known = runs.get(ws.db, plan.run_id)
        if known is not None and known.status != "done":
            runs.finish(ws.db, plan.run_id, "done")
        return {**_result(done, left_out), "summary": f"{done.name} is done already."}
    return None


def _need(found: Any, what: str, command: str, left_out: LeftOut) -> None:
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


def _publish_policy(
    ws: Workspace, library: Library, plan: Plan, tuned: Tuned, extra: dict[str, Any]
) -> ModelVersion:
    metrics = last_metrics(ws, plan.run_id)
    return publish(
        ws,
        library,
        plan,
        _writer(tuned, library, plan, None),
        metrics,
        {**extra, "start": plan.start},
    )


def _writer(
    tuned: Tuned, library: Library, plan: Plan, head: ScalarHead | None
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        codec = library.codec(plan.start)
        save_weights(folder, tuned.backbone, tuned.adapter, plan.model, codec)
        if head is not None:
            save_head(folder, head)

    return write


def last_metrics(ws: Workspace, run_id: str) -> dict[str, float]:
    """A run's numbers at its last step."""
    found = runs.metrics(ws.db, run_id)
    last = max((step for step, _, _ in found), default=0)
    return {name: value for step, name, value in found if step == last}


def _result(version: ModelVersion, left_out: LeftOut) -> Result:
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
