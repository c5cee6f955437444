"""`sft`, `reward`, `dpo`: from the store to a trainer, and from its weights to a version."""

from rather.config.optimization import Optimization
from rather.evaluation.reward_model import held_out_accuracy
from rather.models.roles import Policy
from rather.models.tuning import Tuned, start_tuning
from rather.stages import examples
from rather.stages.fresh import fresh_backbone
from rather.stages.measuring.reward_numbers import accuracy_metrics
from rather.stages.runs import open_library, policy_name, publish, running
from rather.stages.stage import (
    Result,
    early_answer,
    need,
    plan_of,
    result_of,
    train_and_publish,
    writer,
)
from rather.stages.watching import watched
from rather.training.dpo import loss_settings, train_dpo
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
    rows, identity, left_out = examples.demonstration_rows(ws, section, codec)
    need(rows, "demonstrations", "rather import FILE --as demonstrations", left_out)
    plan = plan_of(ws, library, "sft", section, start, identity)
    if answer := early_answer(ws, plan, dry_run, fresh, f"{len(rows)} demonstrations", left_out):
        return answer
    with running(ws, plan, fresh) as run:
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
    if answer := early_answer(ws, plan, dry_run, fresh, f"{len(found)} comparisons", left_out):
        return answer
    with running(ws, plan, fresh) as run:
        policy = library.policy(start)
        depth = policy.backbone.depth_of(section.depth)
        tuned = start_tuning(policy, "learning", section.adapter, plan.seed, depth)
        reference = [one.row for one in judged[:REFERENCE_ROWS]]
        model = train_reward(section, tuned, judged, reference, run, plan.seed)
        accuracy = held_out_accuracy(model, tests, section.microbatch_tokens)
        metrics = {
            "num_training_comparisons": float(len(found)),
            **(accuracy_metrics(accuracy) if accuracy.accuracy.n else {}),
        }
        extra = {
            "pooling": section.pooling,
            "depth": depth,
            "num_judgments": len(found),
            "simulated_judgments": sum(one.is_simulated for one in found),
        }
        version = publish(
            ws, library, plan, writer(tuned, library, plan, model.head), metrics, extra
        )
    return result_of(version, left_out)


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
    if answer := early_answer(ws, plan, dry_run, fresh, f"{len(found)} comparisons", left_out):
        return answer
    with running(ws, plan, fresh) as run:
        reference = library.policy(start)
        tuned = start_tuning(reference, "learning", section.adapter, plan.seed)
        codec = library.codec(start)
        seen, every = _seen(ws, tuned, reference, section), ws.config.watch.every_updates
        run = watched(ws, run, plan.run_id, codec, seen, every)
        paired = [one for one in judged if one.pairs]
        version = train_and_publish(
            ws, library, plan, tuned, {"num_judgments": len(found)},
            lambda: train_dpo(section, tuned, reference, paired, run, plan.seed),
        )  # fmt: skip
    return result_of(version, left_out)


def _seen(ws: Workspace, tuned: Tuned, reference: Policy, section: Optimization) -> Watched:
    """Whose answers are shown while it learns."""
    policy = Policy(tuned.backbone, tuned.adapter)
    return Watched(policy, reference, section.microbatch_tokens, ws.config.watch.max_new_tokens)
