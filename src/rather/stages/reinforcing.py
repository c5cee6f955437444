"""`ppo`: from the store to the trainer, its reward and its watchdog, and to a version."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rather.config.ppo import PPO
from rather.errors import GateClosed
from rather.feedback import gold
from rather.models.library import Library
from rather.models.roles import Policy
from rather.models.tuning import Tuned, start_tuning
from rather.records import Learnt
from rather.rollout.rollout import Roles
from rather.rollout.sampler import Sampler
from rather.stages import examples
from rather.stages.critic import make_critic
from rather.stages.drawing import drawing, require_learnable
from rather.stages.examples import LeftOut
from rather.stages.gate import weakness
from rather.stages.runs import open_library, policy_name, running
from rather.stages.scorers import (
    identity,
    make_scorer,
    make_token_scorer,
    resolved_mix,
    reward_models,
)
from rather.stages.stage import Result, early_answer, need, plan_of, result_of, train_and_publish
from rather.stages.together.order import Lesson, Mix, call
from rather.stages.watching import watched
from rather.store import versions
from rather.training.cast import Cast, Heldout
from rather.training.drawing.correction import correction_of
from rather.training.ppo import train_ppo
from rather.training.watching import Watched
from rather.workspace import Workspace


def ppo(ws: Workspace, *, dry_run: bool, fresh: bool, force: bool = False) -> Result:
    """Tune the policy against the reward, close to its reference.

    A run that a rule stops publishes its last good policy and raises StoppedByRule.
    """
    section, library = ws.config.ppo, open_library(ws)
    is_whole = section.adapter.tuning == "full"
    start = policy_name(ws, section.start)
    require_learnable(ws, library, section.adapter, start)
    codec = library.codec(start)
    mix = resolved_mix(ws, section.reward)
    unseen = section.rules.heldout_reward
    heldout_mix = resolved_mix(ws, unseen) if unseen else []
    left_out = LeftOut()
    tasks = examples.tasks(ws, codec, left_out)
    need(tasks, "prompts", "rather import FILE --as prompts", left_out)
    asked = examples.tasks(ws, codec, LeftOut(), "heldout") if heldout_mix else []
    if heldout_mix:
        need(asked, "held-out prompts", "rather import FILE --as prompts", LeftOut())
    data = [[task.prompt.id for task in (*tasks, *asked)], *_rewards(ws, mix, heldout_mix)]
    plan = plan_of(ws, library, "ppo", section, start, data)
    plan = replace(plan, setting=(*plan.setting, *_drawn(ws)))
    learnt = Learnt(prompts=tuple(task.prompt.id for task in tasks))
    plan = replace(plan, parents=(*plan.parents, *reward_models(mix)), learnt=learnt)
    if answer := early_answer(
        ws, plan, dry_run, fresh, f"{len(tasks)} prompts against {_spelled(mix)}", left_out
    ):
        return answer
    require_fit_reward(ws, mix, force=force)
    with (
        running(ws, plan, fresh) as run,
        drawing(ws, plan.run_id, start, hands_whole=is_whole) as sampler,
    ):
        asked = asked[: section.rules.num_heldout_prompts]
        lesson = Lesson((), tuple(tasks), tuple(asked), mix, heldout_mix)
        call(run.ranks, ws.config, library, plan, lesson)
        tuned, cast = make_cast(ws, library, start, plan.seed, lesson, sampler)
        seen = _seen(section, cast.roles)
        run = watched(ws, run, plan.run_id, codec, seen, ws.config.watch.every)
        version = train_and_publish(
            ws, library, plan, tuned, {"num_prompts": len(tasks)},
            lambda: train_ppo(section, cast, tasks, run, plan.seed),
        )  # fmt: skip
    return result_of(version, left_out)


def make_cast(
    ws: Workspace, library: Library, start: str, seed: int, lesson: Lesson, sampler: Sampler
) -> tuple[Tuned, Cast]:
    """The roles of a run: policy and reference, critic where one is wanted, rewards; `sampler`
    draws for the policy."""
    section, codec = ws.config.ppo, library.codec(start)
    reference = library.policy(start)
    tuned = start_tuning(reference, "learning", section.adapter, seed)
    policy = Policy(tuned.backbone, tuned.adapter)
    critic = None
    if section.advantage == "gae":
        rewards = reward_models(lesson.mix)
        critic = make_critic(section, library, policy, reference, rewards, seed)
    budget = section.microbatch_tokens
    scorer = make_scorer(ws, library, lesson.mix, codec, budget)
    heldout = None
    if lesson.heldout_mix:
        unseen = make_scorer(ws, library, lesson.heldout_mix, codec, budget)
        heldout = Heldout(lesson.asked, unseen)
    token_scorer = make_token_scorer(section.shaping.token_function, codec)
    value = critic and critic.model
    roles = Roles(policy, reference, value, scorer, token_scorer, sampler)
    own = critic.weights if critic else {}
    cast = Cast(
        roles,
        {**tuned.parameters, **own},
        codec.stop_ids,
        frozenset(own),
        heldout,
        correction_of(ws.config.rollout),
        ws.config.rollout.staleness,
        ws.progress,
        (*tuned.shards, *(critic.shards if critic else ())),
    )
    return tuned, cast


def _drawn(ws: Workspace) -> tuple[str, ...]:
    """What of the servers changes the numbers; where they are may change from day to day."""
    section = ws.config.rollout
    if section.engine == "local":
        return ()
    held = section.max_importance_weight, section.max_completion_ratio, section.staleness
    return (f"vllm, {held}",)


def _seen(section: PPO, roles: Roles) -> Watched:
    """Whose answers are shown while it learns."""
    return Watched(
        roles.policy,
        roles.reference,
        section.microbatch_tokens,
        section.max_new_tokens,
        section.temperature,
        roles.scorer,
        roles.sampler,
    )


def _rewards(ws: Workspace, *mixes: Mix) -> list[Any]:
    """Everything that scores, so that another function or rule is another run."""
    by_token = ws.config.ppo.shaping.token_function
    own = gold.fingerprint(by_token, ws.config.rules) if by_token else ""
    return [*(identity(ws, mix) for mix in mixes), own]


def require_fit_reward(ws: Workspace, mix: Sequence[tuple[float, str]], *, force: bool) -> None:
    """Refuse (GateClosed) a reward model that is hardly better than chance, unless forced."""
    known = {version.name: version for version in versions.all(ws.db, "reward")}
    least = ws.config.ppo.rules.min_accuracy
    for name in reward_models(mix):
        if "accuracy" not in known[name].metrics:
            ws.progress.say(
                f"warning: {name} was never measured on held-out judgments; nobody knows whether "
                "it is better than chance."
            )
            continue
        said = weakness(known[name], least)
        if not said:
            continue
        if not force:
            raise GateClosed(
                f"Stopped: {said}; collect more judgments, train a better reward model, or give "
                "--force."
            )
        ws.progress.say(f"warning: {said}; going on as --force was given.")


def _spelled(mix: Mix) -> str:
    return " + ".join(name if weight == 1 else f"{weight:g}*{name}" for weight, name in mix)
