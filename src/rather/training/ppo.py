"""Proximal policy optimization against a reward, under a KL penalty to the reference.

`Trainer.step` is the algorithm: roll out, reward, advantages, update, steer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from torch import Tensor, nn

from rather.config.stages import PPO
from rather.data.batch import Batch, microbatches
from rather.equations import advantages as adv
from rather.equations import kl
from rather.equations.logprobs import masked_mean, masked_sum
from rather.equations.ppo import policy_loss, value_loss
from rather.errors import UsageError
from rather.progress import Progress
from rather.records import Prompt
from rather.rollout.local import Request, Settings
from rather.rollout.rollout import Roles, Rollout, collect, completions_of
from rather.training.loop import Learner, Metrics, Run, epoch_order, train


@dataclass(frozen=True)
class Task:
    """A prompt with its tokens."""

    prompt: Prompt
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Targets:
    """What the update learns from, [B, T]: fixed while a rollout is trained on."""

    advantages: Tensor
    returns: Tensor
    token_rewards: Tensor
    scores: Tensor
    """[B] after the penalty for not stopping."""


@dataclass(frozen=True)
class Cast:
    """Everything a PPO run works with: the roles, and the weights that learn."""

    roles: Roles
    parameters: dict[str, nn.Parameter]
    """Of the policy and its critic."""
    stop_ids: tuple[int, ...]
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))
    """Where a step shows how far it is."""


def train_ppo(section: PPO, cast: Cast, tasks: Sequence[Task], run: Run, seed: int) -> None:
    """Tune the policy of `cast` on the tasks' prompts."""
    num_updates = section.num_steps * section.num_epochs * section.num_minibatches
    learner = Learner(cast.parameters, section, num_updates)
    trainer = Trainer(section, cast, learner, tasks, seed)
    train(learner, run, section.num_steps, trainer.step, trainer.state, unit="steps")


class Trainer:
    """One PPO run: `step` does a rollout and its updates."""

    def __init__(
        self, section: PPO, cast: Cast, learner: Learner, tasks: Sequence[Task], seed: int
    ) -> None:
        self.section, self.roles, self.learner = section, cast.roles, learner
        self.tasks, self.progress, self.seed = tasks, cast.progress, seed
        self.num_prompts = min(section.batch_size, len(tasks))
        if section.num_minibatches > self.num_prompts:
            raise UsageError(
                f"ppo.num_minibatches is {section.num_minibatches}, but a step has "
                f"{self.num_prompts} prompts; lower it, or import more prompts."
            )
        self.settings = Settings(section.temperature, section.max_new_tokens, cast.stop_ids)
        self.state: dict[str, Any] = {"kl_coefficient": section.kl_coefficient}

    def step(self, number: int) -> Metrics:
        """Roll out, reward, take advantages, update, steer the KL coefficient."""
        rollout = self.roll_out(number)
        targets = self.targets(rollout)
        parts = list(product(range(self.section.num_epochs), range(self.section.num_minibatches)))
        updates: list[Metrics] = []
        with self.progress.track(f"step {number + 1}: learn", len(parts), "updates") as shown:
            for epoch, part in parts:
                updates.append(self.update(rollout, targets, epoch, part, number))
                shown.advance()
        metrics = {**self.describe(rollout, targets), **_average(updates)}
        self.steer(metrics["objective/kl"], len(rollout.scores))
        return metrics

    def roll_out(self, number: int) -> Rollout:
        """Sample completions of this step's prompts and look at them with every role."""
        tasks = self.tasks_of(number)
        size, many = len(tasks), self.section.num_completions
        first = (self.seed * 1_000_003 + number) * size * many
        requests = [
            Request(task.ids, tuple(range(first + i * many, first + (i + 1) * many)))
            for i, task in enumerate(tasks)
        ]
        with self.progress.track(f"step {number + 1}: rollout", None, "tokens") as shown:
            return collect(
                self.roles,
                [task.prompt for task in tasks],
                requests,
                self.settings,
                self.section.microbatch_tokens,
                shown.advance,
            )

    def tasks_of(self, number: int) -> list[Task]:
        """The prompts of a step: one epoch's order after another, without replacement."""
        places = range(number * self.num_prompts, (number + 1) * self.num_prompts)
        total = len(self.tasks)
        orders = {p // total: epoch_order(total, self.seed, p // total) for p in places}
        return [self.tasks[orders[place // total][place % total]] for place in places]

    def targets(self, rollout: Rollout) -> Targets:
        """Token rewards r = r_θ − λ·KL, then GAE; advantages are whitened, returns are not."""
        section, mask = self.section, rollout.completion_mask
        scores = rollout.scores - section.missing_eos_penalty * ~rollout.stopped
        rewards = adv.kl_penalized_rewards(
            scores,
            rollout.logprobs,
            rollout.ref_logprobs,
            mask,
            kl_coefficient=self.state["kl_coefficient"],
        )
        advantages, returns = adv.gae(
            rewards,
            rollout.values,
            mask,
            discount=section.discount,
            gae_lambda=section.gae_lambda,
        )
        whitened = adv.whiten(advantages, mask, center_mean=True)
        return Targets(whitened, returns, rewards, scores)

    def update(
        self, rollout: Rollout, targets: Targets, epoch: int, part: int, number: int
    ) -> Metrics:
        """One optimizer update on one minibatch of rows, token counts taken over all of it."""
        order = epoch_order(len(rollout.rows), self.seed + 7919 * (number + 1), epoch)
        chosen = order[part :: self.section.num_minibatches]
        rows = [rollout.rows[index] for index in chosen]
        places = completions_of(rollout.rows, chosen)
        num_tokens = int(rollout.completion_mask[places].sum())
        total: Metrics = {}
        device = self.roles.policy.backbone.device
        for indices, batch in microbatches(rows, self.section.microbatch_tokens, device):
            places = completions_of(rollout.rows, [chosen[index] for index in indices])
            loss, metrics = self.loss(batch, rollout, targets, places, num_tokens)
            loss.backward()
            for key, value in metrics.items():
                total[key] = total.get(key, 0.0) + value.detach().item() / num_tokens
        return {**total, **self.learner.update()}

    def loss(
        self,
        batch: Batch,
        rollout: Rollout,
        targets: Targets,
        places: list[int],
        num_tokens: int,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """L = L_policy + c_v·L_value over a microbatch, divided by the minibatch's tokens."""
        section, mask = self.section, batch.completion_mask

        def of(values: Tensor) -> Tensor:
            return values[places, : mask.shape[1]].to(mask.device)

        logprobs, values = self.look(batch)
        policy = policy_loss(
            logprobs,
            of(rollout.logprobs),
            of(targets.advantages),
            mask,
            clip_range=section.clip_range,
        )
        value = value_loss(
            values,
            of(rollout.values),
            of(targets.returns),
            mask,
            value_clip_range=section.value_clip_range,
        )
        metrics = {
            "loss/policy_avg": policy.loss,
            "loss/value_avg": value.loss,
            "policy/clipfrac_avg": policy.clipped,
            "policy/approxkl_avg": policy.approx_kl,
            "val/clipfrac_avg": value.clipped,
            "val/ratio": policy.ratio,
        }
        return (policy.loss + section.value_coefficient * value.loss) / num_tokens, metrics

    def look(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log-probabilities and values [B, T]; one pass serves both when they share the trunk."""
        policy, critic = self.roles.policy, self.roles.value
        hidden = policy.hidden(batch)
        logprobs = policy.logprobs_of(hidden, batch, self.section.temperature)
        shared = (critic.backbone, critic.adapter) == (policy.backbone, policy.adapter)
        return logprobs, critic.values_of(hidden, batch) if shared else critic.values(batch)

    def steer(self, sequence_kl: float, num_episodes: int) -> None:
        """Move the KL coefficient towards the target, when there is one."""
        if self.section.target_kl is not None:
            self.state["kl_coefficient"] = kl.adaptive_coefficient(
                self.state["kl_coefficient"],
                sequence_kl,
                target_kl=self.section.target_kl,
                num_episodes=num_episodes,
            )

    def describe(self, rollout: Rollout, targets: Targets) -> Metrics:
        """The step's numbers, by TRL's names."""
        mask = rollout.completion_mask
        log_ratio = rollout.logprobs - rollout.ref_logprobs
        residual = masked_mean((targets.returns - rollout.values) ** 2, mask)
        centred = targets.returns - masked_mean(targets.returns, mask)
        found = {
            "objective/scores": targets.scores.mean(),
            "objective/kl": masked_sum(log_ratio, mask).mean(),
            "objective/kl_k3": masked_sum(
                kl.k3(rollout.logprobs, rollout.ref_logprobs), mask
            ).mean(),
            "objective/entropy": masked_sum(-rollout.logprobs, mask).mean(),
            "objective/rlhf_reward": targets.token_rewards.sum(dim=1).mean(),
            "objective/mismatch_kl": masked_mean(
                kl.k3(rollout.sampler_logprobs, rollout.logprobs), mask
            ),
            "val/explained_variance": 1 - residual / masked_mean(centred**2, mask),
            "length": rollout.lengths.float().mean(),
            "eos_rate": rollout.stopped.float().mean(),
        }
        metrics = {key: value.item() for key, value in found.items()}
        return {**metrics, "kl_coefficient": self.state["kl_coefficient"]}


def _average(updates: Sequence[Metrics]) -> Metrics:
    return {key: sum(u[key] for u in updates) / len(updates) for key in updates[0]}
