"""Proximal policy optimization against a reward, under a KL penalty to the reference.

`Trainer.step` is the algorithm: roll out, judge, take advantages, update, steer. What becomes of
scores is in `targets.py`, the loss of a microbatch in `objective.py` (its equations in
`equations/ppo.py`), the stop rules are in `rules.py` and asked in `judging.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from rather.config.ppo import PPO
from rather.equations import kl
from rather.errors import UsageError
from rather.failpoints import failpoint
from rather.rollout import saved
from rather.rollout.requests import Request, Settings
from rather.rollout.rollout import Looking, OpenLooks, Rollout, collect
from rather.rollout.tables import completions_of, with_lower_states
from rather.training import measures
from rather.training.accumulation import Group, accumulating, summed
from rather.training.cast import Cast, Task
from rather.training.checkpoints import Kept
from rather.training.drawing.draws import Draws
from rather.training.judging import has_gone_too_far, judge, judge_update
from rather.training.learner import Learner, Metrics
from rather.training.loop import Run, epoch_order, train
from rather.training.objective import Objective, Part, minibatch_weights
from rather.training.targets import Targets, remember_scores, take_targets


def train_ppo(section: PPO, cast: Cast, tasks: Sequence[Task], run: Run, seed: int) -> None:
    """Tune the policy of `cast` on the tasks' prompts."""
    num_updates = section.num_steps * section.num_epochs * section.num_minibatches
    rates = dict.fromkeys(cast.critic_parameters, section.critic.learning_rate)
    group = Group(run.ranks, cast.shards)
    learner = Learner(cast.parameters, section, num_updates, rates, group)
    trainer = Trainer(section, cast, learner, tasks, run, seed)
    train(learner, run, section.num_steps, trainer.step, trainer.kept, unit="steps")


class Trainer:
    """One PPO run: `step` does a rollout and its updates."""

    def __init__(
        self,
        section: PPO,
        cast: Cast,
        learner: Learner,
        tasks: Sequence[Task],
        run: Run,
        seed: int,
    ) -> None:
        self.section, self.cast, self.roles, self.learner = section, cast, cast.roles, learner
        self.tasks, self.run, self.seed = tasks, run, seed
        self.num_prompts = min(section.batch_size, len(tasks))
        if section.num_minibatches > self.num_prompts:
            raise UsageError(
                f"ppo.num_minibatches is {section.num_minibatches}, but a step has "
                f"{self.num_prompts} prompts; lower it, or import more prompts."
            )
        if run.ranks.size > self.num_prompts:
            raise UsageError(
                f"{run.ranks.size} processes were launched, but a step has {self.num_prompts} "
                "prompts and each of them answers at least one; launch fewer, or raise "
                "ppo.batch_size."
            )
        self.kept = Kept({"kl_coefficient": section.kl_coefficient, "updates": []})
        self.open_looks: OpenLooks = {}
        self.draws = Draws(
            cast.roles.policy,
            cast.roles.sampler,
            Settings(section.temperature, section.max_new_tokens, cast.stop_ids),
            self.requests_of,
            section.num_steps,
            run.ranks,
            cast.staleness,
            self.kept.policies,
        )

    def step(self, number: int) -> Metrics:
        """Roll out and judge it, take advantages, update, steer the KL coefficient."""
        rollout = self.rollout_of(number)
        targets = self.targets(rollout)
        updates = self.learn(rollout, targets, number)
        metrics = {**measures.of_targets(targets, rollout), **self.kept.numbers["judged"]}
        metrics |= {**_average(updates), "kl_coefficient": self.kept.numbers["kl_coefficient"]}
        metrics["num_tokens"] = float(rollout.completion_mask.sum())
        self.kept.numbers["updates"] = []
        self.kept.tensors.clear()
        self.steer(metrics["objective/kl"], len(rollout.scores))
        return metrics

    def rollout_of(self, number: int) -> Rollout:
        """This step's rollout: a new one, or that of a checkpoint taken inside the step."""
        tasks = self.tasks_of(number)
        self.draws.begin(number, is_drawn=bool(self.kept.tensors))
        if self.kept.tensors:
            held = saved.from_tensors(self.kept.tensors, [task.ids for task in tasks])
            with self.run.ranks.together():
                mine = self.share(len(tasks))
                found = with_lower_states(
                    self.roles.policy,
                    [held.rows[place] for place in mine],
                    self.section.microbatch_tokens,
                )
            return saved.with_rows(held, dict(zip(mine, found, strict=True)))
        with self.learner.group.whole():
            heldout = self.heldout(number)  # first: from the rollout on a pass may be open
            rollout = self.roll_out(tasks, number)
            measured = measures.of_rollout(rollout, self.cast.correction) | heldout
        # from here to the end nothing can be broken off: what a checkpoint keeps stays in step
        remember_scores(self.section, rollout, self.kept.numbers)
        self.judge(number, measured)
        self.kept.tensors.update(saved.to_tensors(rollout))
        self.draws.keep(number)
        return rollout

    def roll_out(self, tasks: Sequence[Task], number: int) -> Rollout:
        """Sample completions of these prompts and look at them with every role."""
        ranks, mine, requests = self.run.ranks, self.share(len(tasks)), self.requests_of(number)
        with self.cast.progress.track(f"step {number + 1}: rollout", None, "tokens") as shown:
            sampled = self.draws.of_step(number, mine, shown.advance)
            with ranks.alone():
                part = collect(
                    self.roles,
                    [tasks[i].prompt for i in mine],
                    list(zip([requests[i] for i in mine], sampled, strict=True)),
                    self.looking(number),
                    shown.advance,
                )
        if self.cast.staleness:
            age = torch.full(part.scores.shape, self.draws.age(number))
            part = replace(part, staleness=age)
        if ranks.size == 1:
            return part
        parts = ranks.exchange_tensors(saved.to_tensors(part) | {"places": torch.tensor(mine)})
        whole = saved.joined(parts, [task.ids for task in tasks])
        return saved.with_rows(whole, dict(zip(mine, part.rows, strict=True)))

    def looking(self, number: int) -> Looking:
        """How a step looks at its rollout.

        Where its first update learns from all of it at once, by this process alone, that update
        begins with passes that were just made, by the same weights: the first of them stays open.
        """
        self.open_looks.clear()
        is_alone = self.run.ranks.size == 1 and not self.cast.shards
        learns_next = is_alone and self.section.num_minibatches == 1
        learns_next &= number >= self.section.critic.warmup_steps
        opened = self.open_looks if learns_next else None
        return Looking(self.section.temperature, self.section.microbatch_tokens, opened)

    def requests_of(self, number: int) -> list[Request]:
        """What is sampled for a step: every completion from a seed of its own."""
        tasks, many = self.tasks_of(number), self.section.num_completions
        first = (self.seed * 1_000_003 + number) * len(tasks) * many
        return [
            Request(task.ids, tuple(range(first + i * many, first + (i + 1) * many)))
            for i, task in enumerate(tasks)
        ]

    def share(self, num_prompts: int) -> list[int]:
        """Which of a step's prompts this rank answers."""
        return self.run.ranks.share(range(num_prompts), lambda place: 1)

    def tasks_of(self, number: int) -> list[Task]:
        """The prompts of a step: one epoch's order after another, without replacement."""
        places = range(number * self.num_prompts, (number + 1) * self.num_prompts)
        total = len(self.tasks)
        orders = {p // total: epoch_order(total, self.seed, p // total) for p in places}
        return [self.tasks[orders[place // total][place % total]] for place in places]

    def heldout(self, number: int) -> Metrics:
        """Score and held-out reward of the policy's answers to held-out prompts, now and then."""
        if self.cast.heldout is None or number % self.section.rules.check_every:
            return {}
        asked, ranks = self.cast.heldout.tasks, self.run.ranks
        mine = ranks.share(range(len(asked)), lambda place: len(asked[place].ids))
        sampled = self.draws.now(measures.heldout_requests(asked), mine)
        with ranks.alone():
            sums = measures.of_heldout(
                [asked[place] for place in mine],
                sampled,
                self.roles,
                self.cast.heldout.scorer,
                self.section.microbatch_tokens,
            )
        return {key: total / len(asked) for key, total in summed(ranks.exchange(sums)).items()}

    def judge(self, number: int, measured: Metrics) -> None:
        """Let the stop rules speak about the policy as it came into this step."""
        memory = self.kept.numbers.setdefault("rules", {})
        gauges, alarms = judge(self.section, measured, memory)
        self.kept.numbers["judged"] = {**measured, **gauges}
        if any(alarm.severity == "stop" for alarm in alarms):
            self.run.record(number, self.kept.numbers["judged"])  # the step will not get so far
        for alarm in alarms:
            self.run.alarm(number, alarm)
        has_checkpoint = number % self.section.checkpoint_every == 0
        if not alarms and has_checkpoint:
            self.kept.numbers["good"] = number
        if has_checkpoint and measured.get("heldout/score", float("-inf")) > memory.get(
            "best_heldout", float("-inf")
        ):
            memory["best_heldout"] = measured["heldout/score"]
            self.kept.numbers["best"] = number

    def targets(self, rollout: Rollout) -> Targets:
        """Token rewards r = r_θ − λ·KL, then advantages and returns."""
        numbers = self.kept.numbers
        coefficient = numbers["kl_coefficient"]
        return take_targets(self.section, rollout, kl_coefficient=coefficient, memory=numbers)

    def learn(self, rollout: Rollout, targets: Targets, number: int) -> list[Metrics]:
        """The step's updates, from the first that is not done yet; their metrics."""
        parts = list(product(range(self.section.num_epochs), range(self.section.num_minibatches)))
        done: list[Metrics] = self.kept.numbers["updates"]
        with self.cast.progress.track(f"step {number + 1}: learn", len(parts), "updates") as shown:
            shown.advance(len(done))
            for epoch, part in parts[len(done) :]:
                if done and has_gone_too_far(self.section, done[-1]):
                    break
                done.append(self.update(rollout, targets, epoch, part, number))
                failpoint("update.done")
                shown.advance()
        return done

    def update(
        self, rollout: Rollout, targets: Targets, epoch: int, part: int, number: int
    ) -> Metrics:
        """One optimizer update on one minibatch of rows; weights are taken over all of it."""
        order = epoch_order(len(rollout.rows), self.seed + 7919 * (number + 1), epoch)
        chosen = sorted(order[part :: self.section.num_minibatches])  # in it, no order matters
        together = completions_of(rollout.rows, chosen)
        weights = minibatch_weights(self.section, rollout.completion_mask, together)
        num_tokens = int(rollout.completion_mask[together].sum())
        objective = Objective(
            self.section,
            self.roles,
            kl_coefficient=self.kept.numbers["kl_coefficient"],
            policy_learns=number >= self.section.critic.warmup_steps,
            correction=self.cast.correction,
            open_looks=self.open_looks,
        )
        policy, budget = self.roles.policy, self.section.microbatch_tokens
        with accumulating(self.learner.group) as update:
            mine = update.share(chosen, lambda index: rollout.rows[index].num_tokens)
            rows = with_lower_states(policy, [rollout.rows[index] for index in mine], budget)
            for indices, batch in update.microbatches(rows, budget, policy.backbone.device):
                places = completions_of(rollout.rows, [mine[index] for index in indices])
                for loss, sums in objective.losses(batch, Part(rollout, targets, weights, places)):
                    update.add(loss, averaged(sums, num_tokens))
        self.open_looks.clear()
        total = update.total
        total["val/ratio_var"] = max(total.pop("val/ratio_squared") - total["val/ratio"] ** 2, 0.0)
        return {**total, **self.step_or_leave_out(total, number)}

    def step_or_leave_out(self, measured: Metrics, number: int) -> Metrics:
        """The optimizer's update, unless the policy has left its rollout far behind."""
        memory = self.kept.numbers.setdefault("rules", {})
        leaves_out, alarms = judge_update(self.section, measured, memory)
        for alarm in alarms:
            self.run.alarm(number, alarm)
        made = self.learner.leave_out() if leaves_out else self.learner.update()
        return {**made, "left_out": float(leaves_out)}

    def steer(self, sequence_kl: float, num_episodes: int) -> None:
        """Move the KL coefficient towards the target, when there is one."""
        target = self.section.kl.target_kl
        controller = kl.CONTROLLERS["fixed" if target is None else "adaptive"]
        self.kept.numbers["kl_coefficient"] = controller(
            self.kept.numbers["kl_coefficient"],
            sequence_kl,
            target_kl=target,
            num_episodes=num_episodes,
            horizon=self.section.kl.horizon,
        )


def averaged(sums: dict[str, Tensor], num_tokens: int) -> Metrics:
    """Token sums over the minibatch's tokens; losses are weighted already."""
    return {
        key: value.detach().item() * (1.0 if key.startswith("loss/") else 1 / num_tokens)
        for key, value in sums.items()
    }


def _average(updates: Sequence[Metrics]) -> Metrics:
    return {key: sum(u[key] for u in updates) / len(updates) for key in updates[0]}
