"""`sft`, `reward`, `dpo`: from the store to a trainer, and from its weights to a version."""

from collections.abc import Sequence
from dataclasses import replace

from rather.config.optimization import Optimization
from rather.config.stages import Reward
from rather.data.judged import Judged
from rather.evaluation.reward_model import held_out_accuracy
from rather.models.heads import ScalarHead
from rather.models.roles import Policy, RewardEnsemble, RewardModel
from rather.models.tuning import Tuned, start_tuning
from rather.rollout.tables import MEASURED_TOGETHER
from rather.stages import examples
from rather.stages.fresh import fresh_backbone
from rather.stages.measuring.reward_numbers import accuracy_metrics
from rather.stages.rounds.efficiency import label_efficiency
from rather.stages.runs import open_library, policy_name, publish, running
from rather.stages.stage import (
    Result,
    early_answer,
    need,
    plan_of,
    result_of,
    reward_writer,
    train_and_publish,
)
from rather.stages.together.order import call, lesson_of_judged, lesson_of_rows
from rather.stages.watching import watched
from rather.training.dpo import loss_settings, train_dpo
from rather.training.ensemble import train_ensemble
from rather.training.loop import Run
from rather.training.reward import train_reward
from rather.training.sft import train_sft
from rather.training.watching import Watched
from rather.workspace import Workspace

REFERENCE_ROWS = 32
"""Rows whose mean score is moved to 0 after a reward model is trained."""


def sft(ws: Workspace, *, dry_run: bool, fresh: bool) -> Result:
    """Learn from demonstrations and corrections, or from plain text."""
    section, library = ws.config.sft, open_library(ws)
    start = policy_name(ws, section.start)
    if section.fresh_config is not None:
        library.base = start = fresh_backbone(ws, section)
    codec = library.codec(start)
    rows, identity, left_out, learnt = examples.demonstration_rows(ws, section, codec)
    need(rows, "demonstrations", "rather import FILE --as demonstrations", left_out)
    plan = replace(plan_of(ws, library, "sft", section, start, identity), learnt=learnt)
    if answer := early_answer(ws, plan, dry_run, fresh, f"{len(rows)} demonstrations", left_out):
        return answer
    with running(ws, plan, fresh) as run:
        call(run.ranks, ws.config, library, plan, lesson_of_rows(rows))
        reference = library.policy(start)
        tuned = start_tuning(reference, "learning", section.adapter, plan.seed)
        seen, every = _seen(ws, tuned, reference, section), ws.config.watch.every_updates
        run = watched(ws, run, plan.run_id, codec, seen, every)
        extra = {"num_demonstrations": len(rows)}
        version = train_and_publish(
            ws, library, plan, tuned, extra,
            lambda: train_sft(section, tuned, rows, run, plan.seed),
        )  # fmt: skip
    return result_of(version, left_out)


def reward(ws: Workspace, *, dry_run: bool, fresh: bool) -> Result:
    """Learn from comparisons what people prefer; measured on comparisons held out."""
    section, library = ws.config.reward, open_library(ws)
    start = policy_name(ws, section.start)
    codec = library.codec(start)
    found, left_out = examples.load_comparisons(ws, "train")
    found = examples.of_half(found, section.half)
    if section.ties == "drop":
        found = examples.without_tied_pairs(found, left_out)
    found = examples.fitting(found, codec, left_out)
    judged = examples.judged_rows(found, codec)
    need(judged, "comparisons", "rather label` or `rather import FILE --as pairs", left_out)
    held_out, _ = examples.load_comparisons(ws, "heldout")
    tests = examples.judged_rows(examples.fitting(held_out, codec, left_out), codec)
    plan = plan_of(ws, library, "reward", section, start, examples.identity(found))
    plan = replace(plan, learnt=examples.learnt_from(found))
    if answer := early_answer(ws, plan, dry_run, fresh, f"{len(found)} comparisons", left_out):
        return answer
    with running(ws, plan, fresh) as run:
        call(run.ranks, ws.config, library, plan, lesson_of_judged(judged))
        policy = library.policy(start)
        depth = policy.backbone.depth_of(section.depth)
        arms = label_efficiency(ws, _untrained(section, policy), codec, found, tests)
        model = train_reward_models(section, policy, judged, run, plan.seed)
        with ws.progress.track("held-out accuracy", len(tests), "rows") as task:
            accuracy = held_out_accuracy(model, tests, MEASURED_TOGETHER, task.advance)
        metrics = {
            "num_training_comparisons": float(len(found)),
            **(accuracy_metrics(accuracy) if accuracy.accuracy.n else {}),
            **arms,
        }
        extra = {
            "pooling": section.pooling,
            "depth": depth,
            "ensemble": section.ensemble,
            "num_judgments": len(found),
            "simulated_judgments": sum(one.is_simulated for one in found),
        }
        members = model.members if isinstance(model, RewardEnsemble) else (model,)
        version = publish(ws, library, plan, reward_writer(members, library, plan), metrics, extra)
    return result_of(version, left_out)


def _untrained(section: Reward, policy: Policy) -> RewardModel:
    """What a reward model begins with, before it has a head."""
    head = ScalarHead.zero(policy.backbone.hidden_size).to(policy.backbone.device)
    depth = policy.backbone.depth_of(section.depth)
    return RewardModel(policy.backbone, policy.adapter, head, section.pooling, depth)


def train_reward_models(
    section: Reward, policy: Policy, judged: Sequence[Judged], run: Run, seed: int
) -> RewardModel | RewardEnsemble:
    """Train one reward model on a policy's trunk, or an ensemble of them."""
    depth = policy.backbone.depth_of(section.depth)
    reference = [one.row for one in judged[:REFERENCE_ROWS]]

    def new_member(name: str, own_seed: int) -> Tuned:
        return start_tuning(policy, name, section.adapter, own_seed, depth)

    if section.ensemble == 1:
        tuned = new_member("learning", seed)
        return train_reward(section, tuned, judged, reference, run, seed)
    return train_ensemble(section, new_member, judged, reference, run, seed)


def dpo(ws: Workspace, *, dry_run: bool, fresh: bool) -> Result:
    """Tune the policy on the comparisons directly."""
    section, library = ws.config.dpo, open_library(ws)
    loss_settings(section)  # a setting without effect is refused before any weights load
    start = policy_name(ws, section.start)
    codec = library.codec(start)
    found, left_out = examples.load_comparisons(ws, "train")
    found = examples.fitting(examples.without_tied_pairs(found, left_out), codec, left_out)
    judged = examples.judged_rows(found, codec)
    need(judged, "comparisons", "rather label` or `rather import FILE --as pairs", left_out)
    plan = plan_of(ws, library, "dpo", section, start, examples.identity(found))
    plan = replace(plan, learnt=examples.learnt_from(found))
    if answer := early_answer(ws, plan, dry_run, fresh, f"{len(found)} comparisons", left_out):
        return answer
    paired = [one for one in judged if one.pairs]
    with running(ws, plan, fresh) as run:
        call(run.ranks, ws.config, library, plan, lesson_of_judged(paired))
        reference = library.policy(start)
        tuned = start_tuning(reference, "learning", section.adapter, plan.seed)
        seen, every = _seen(ws, tuned, reference, section), ws.config.watch.every_updates
        run = watched(ws, run, plan.run_id, codec, seen, every)
        version = train_and_publish(
            ws, library, plan, tuned, {"num_judgments": len(found)},
            lambda: train_dpo(section, tuned, reference, paired, run, plan.seed),
        )  # fmt: skip
    return result_of(version, left_out)


def _seen(ws: Workspace, tuned: Tuned, reference: Policy, section: Optimization) -> Watched:
    """Whose answers are shown while it learns."""
    policy = Policy(tuned.backbone, tuned.adapter)
    return Watched(policy, reference, section.microbatch_tokens, ws.config.watch.max_new_tokens)
