"""The loss of a microbatch of a rollout: clipped policy and value losses, and a KL where asked.

L = L_policy + c_v·L_value (+ λ·L_KL), each token by its weight
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rather.config.ppo import PPO
from rather.data.batch import Batch
from rather.equations import kl
from rather.equations.ppo import policy_loss, token_weights, value_loss
from rather.rollout.rollout import OpenLooks, Roles, Rollout
from rather.training.drawing.correction import Correction
from rather.training.targets import Targets


def minibatch_weights(section: PPO, mask: Tensor, places: list[int]) -> Tensor:
    """What each token weighs in the loss of the minibatch at these places: [B, T], 0 elsewhere.

    mask [B, T] of the whole rollout. The weights are made once, so microbatches may be cut anyhow.
    """
    weights = torch.zeros(mask.shape)
    weights[places] = token_weights(
        mask[places], section.aggregation, max_length=section.max_new_tokens
    )
    return weights


@dataclass(frozen=True)
class Part:
    """The places of a rollout that a microbatch holds."""

    rollout: Rollout
    targets: Targets
    weights: Tensor
    """[B, T] of the whole rollout, 0 outside the minibatch."""
    places: list[int]

    def of(self, table: Tensor | None, mask: Tensor) -> Tensor:
        """A table's [B, T] at these places, as wide as the microbatch: [b, t]."""
        assert table is not None
        return table[self.places, : mask.shape[1]].to(mask.device)


@dataclass(frozen=True)
class Objective:
    """What an update minimises."""

    section: PPO
    roles: Roles
    kl_coefficient: float
    policy_learns: bool
    """False while the critic learns alone: then nothing of the policy has a gradient."""
    correction: Correction | None = None
    """Where the sampler is not quite the policy itself."""
    open_looks: OpenLooks = field(default_factory=dict)
    """Of this very policy: what is among them is not computed again."""

    def losses(self, batch: Batch, part: Part) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """The parts of a microbatch's loss: losses weighted, the numbers beside them token sums.

        A critic with an adapter of its own is looked at last: whoever takes the gradient of each
        part as it comes never holds two passes through the backbone.
        """
        policy, critic = self.roles.policy, self.roles.value
        with torch.set_grad_enabled(self.policy_learns):
            known = self.open_looks.pop(tuple(part.places), None)
            look = known or policy.look(batch, self.section.temperature)
        loss, metrics = self.policy_part(look.logprobs, batch, part)
        if self.section.kl.penalty == "loss":
            penalty = self.kl_part(look.logprobs, batch, part)
            metrics["loss/kl_avg"] = penalty
            loss = loss + self.kl_coefficient * penalty
        if critic is None:
            yield loss, metrics
        elif critic.is_on_trunk_of(policy):
            value, more = self.value_part(critic.values_of(look.hidden, batch), batch, part)
            yield loss + value, metrics | more
        else:
            yield loss, metrics
            del known, look, loss
            yield self.value_part(critic.values(batch), batch, part)

    def policy_part(
        self, logprobs: Tensor, batch: Batch, part: Part
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The clipped surrogate."""
        mask = batch.completion_mask
        policy = policy_loss(
            logprobs,
            part.of(part.rollout.logprobs, mask),
            part.of(part.targets.advantages, mask),
            mask,
            clip_range=self.section.clip_range,
            dual_clip=self.section.dual_clip,
        )
        loss = (policy.loss * self.policy_weights(mask, part)).sum()
        metrics = {
            "loss/policy_avg": loss,
            "policy/clipfrac_avg": policy.clipped.sum(),
            "policy/approxkl_avg": policy.approx_kl.sum(),
            "val/ratio": policy.ratio.sum(),
            "val/ratio_squared": (policy.ratio**2).sum(),
        }
        return loss, metrics

    def policy_weights(self, mask: Tensor, part: Part) -> Tensor:
        """What each token weighs in the policy's loss: [b, t]."""
        weights = part.of(part.weights, mask)
        if self.correction is None:
            return weights
        rollout = part.rollout
        drawn = part.of(rollout.logprobs, mask), part.of(rollout.sampler_logprobs, mask)
        return weights * self.correction.weights(*drawn, mask)

    def value_part(
        self, values: Tensor, batch: Batch, part: Part
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The clipped squared error of the critic, times its coefficient."""
        mask = batch.completion_mask
        value = value_loss(
            values,
            part.of(part.rollout.values, mask),
            part.of(part.targets.returns, mask),
            mask,
            value_clip_range=self.section.critic.value_clip_range,
        )
        loss = (value.loss * part.of(part.weights, mask)).sum()
        metrics = {"loss/value_avg": loss, "val/clipfrac_avg": value.clipped.sum()}
        return self.section.critic.value_coefficient * loss, metrics

    def kl_part(self, logprobs: Tensor, batch: Batch, part: Part) -> Tensor:
        """The divergence to the reference, as its estimator has it at each token."""
        mask = batch.completion_mask
        estimate = kl.ESTIMATORS[self.section.kl.estimator]
        penalty = estimate(logprobs, part.of(part.rollout.ref_logprobs, mask))
        return (torch.where(mask, penalty, 0.0) * part.of(part.weights, mask)).sum()
