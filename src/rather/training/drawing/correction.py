"""What a rollout counts whose completions another policy drew than the one that learns from them.

Servers compute in their own precision, and with `rollout.staleness` they draw from the policy as it
was some steps before. A token then counts its truncated importance weight, and a completion that
is too far away counts nothing; both are counted (equations in `equations/ppo.py`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rather.config.rollouts import Rollouts
from rather.equations.ppo import are_near, importance_weights
from rather.rollout.rollout import Rollout
from rather.training.learner import Metrics

STALENESS = "sampler/staleness"
"""Name of the metric that says how many steps ago the policy was what drew the rollout."""


@dataclass(frozen=True)
class Correction:
    """How far the sampler may be from the policy, and what happens there."""

    most_importance: float
    """C: a token counts π/μ, at most C."""
    most_ratio: float | None = None
    """m: a completion whose tokens' geometric mean of π/μ is not within 1/m and m is rejected;
    None rejects none."""

    def weights(self, logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor) -> Tensor:
        """What each token counts in the policy's loss: [B, T], 0 where masked or rejected."""
        weights = importance_weights(logprobs, sampler_logprobs, mask, most=self.most_importance)
        near = self.near(logprobs, sampler_logprobs, mask)
        return torch.where(near[:, None], weights, 0.0)

    def near(self, logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor) -> Tensor:
        """Which completions are learnt from: [B]."""
        if self.most_ratio is None:
            return torch.ones(len(mask), dtype=torch.bool, device=mask.device)
        return are_near(logprobs, sampler_logprobs, mask, most=self.most_ratio)

    def of_rollout(self, rollout: Rollout) -> Tensor:
        """The weights of a whole rollout: [B, T]."""
        return self.weights(rollout.logprobs, rollout.sampler_logprobs, rollout.completion_mask)

    def measures(self, rollout: Rollout) -> Metrics:
        """How much of a rollout was held or rejected, and how old its policy was."""
        tables = rollout.logprobs, rollout.sampler_logprobs, rollout.completion_mask
        # of what is not truncated yet: what stands above C will be held there
        free = importance_weights(*tables, most=float("inf"))
        rejected = ~self.near(*tables)
        found = {
            "sampler/truncated": (free > self.most_importance).sum() / tables[2].sum(),
            "sampler/rejected": rejected.sum(),
        }
        if rollout.staleness is not None:
            found[STALENESS] = rollout.staleness.max()
        return {key: float(value) for key, value in found.items()}


def correction_of(section: Rollouts) -> Correction | None:
    """The correction a configuration asks for; None where the policy itself samples."""
    if section.engine == "local":
        return None
    return Correction(section.max_importance_weight, section.max_completion_ratio)
