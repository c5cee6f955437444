"""The four roles, each a thin face on the one backbone: policy, reference, reward and value model.

A role hands out tensors; which adapter and which head produced them is its own business. The
reference is a `Policy` with the frozen adapter it started from, or with none.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from rather.data.batch import Batch
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.token_logprobs import token_logprobs


class Look(NamedTuple):
    """What a policy makes of a batch in one pass."""

    hidden: Tensor
    """The trunk's hidden states of tokens that predict one: [S, d], see `Policy.predicting`."""
    logprobs: Tensor
    """log π of each completion token: [B, T], 0 where masked."""


@dataclass(frozen=True)
class Policy:
    """A language model as a distribution over completions."""

    backbone: Backbone
    adapter: str | None = None

    def look(self, batch: Batch, temperature: float = 1.0) -> Look:
        """Log-probabilities, and the hidden states they come from."""
        hidden = self.predicting(batch)
        return Look(hidden, self.logprobs_of(hidden, batch, temperature))

    def logprobs(self, batch: Batch, temperature: float = 1.0) -> Tensor:
        """log π of each completion token: [B, T], 0 where masked."""
        return self.look(batch, temperature).logprobs

    def hidden(self, batch: Batch) -> Tensor:
        """The trunk's hidden states of every token: [S, d]."""
        return self.backbone.hidden(batch, self.adapter)

    def predicting(self, batch: Batch) -> Tensor:
        """Hidden states at tokens that predict one; what is at others is of no use: [S, d]."""
        return self.backbone.hidden(batch, self.adapter, read=batch.predictors)

    def logprobs_of(self, hidden: Tensor, batch: Batch, temperature: float = 1.0) -> Tensor:
        """Like `logprobs`, from hidden states already at hand."""
        mask = batch.completion_mask
        states, ids = hidden[batch.predictor_index[mask]], batch.completion_ids[mask]
        found = token_logprobs(self.backbone, states, ids, temperature)
        return torch.zeros(mask.shape, device=mask.device).masked_scatter(mask, found)


@dataclass(frozen=True)
class RewardModel:
    """A backbone with a scalar head: one score for each completion."""

    backbone: Backbone
    adapter: str | None
    head: ScalarHead
    pooling: Literal["last", "mean"]
    depth: int | None = None
    """How many of the backbone's layers it reads; None for all."""

    def scores(self, batch: Batch) -> Tensor:
        """Score of each completion: [B]."""
        return self.head(self.pooled(batch))

    def hidden(self, batch: Batch) -> Tensor:
        """The hidden states it reads, of every token: [S, d]."""
        return self.backbone.hidden(batch, self.adapter, self.depth)

    def pooled(self, batch: Batch) -> Tensor:
        """What the head reads [B, d]: the last real token, or the mean over the completion."""
        mask = batch.completion_mask
        read = batch.ends if self.pooling == "last" else batch.token_index[mask]
        hidden = self.backbone.hidden(batch, self.adapter, self.depth, read)
        if self.pooling == "last":
            return hidden[batch.ends]
        states = hidden[batch.token_index].float() * mask[..., None]
        return states.sum(dim=1) / mask.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class RewardEnsemble:
    """Several reward models on one backbone, taken as one: each of its scores is their mean."""

    members: tuple[RewardModel, ...]

    @property
    def backbone(self) -> Backbone:
        """What all of them read."""
        return self.members[0].backbone

    def scores(self, batch: Batch) -> Tensor:
        """Mean score of each completion: [B]."""
        return torch.stack([member.scores(batch) for member in self.members]).mean(dim=0)


@dataclass(frozen=True)
class ValueModel:
    """A critic: the expected score seen from before each completion token."""

    backbone: Backbone
    adapter: str | None
    head: ScalarHead
    depth: int | None = None
    """How many of the backbone's layers it reads; None for all."""

    def is_on_trunk_of(self, policy: Policy) -> bool:
        """Whether it reads the policy's own hidden states."""
        own = self.backbone, self.adapter, self.depth
        return own == (policy.backbone, policy.adapter, None)

    def values(self, batch: Batch) -> Tensor:
        """V of the state before each completion token: [B, T], 0 where masked."""
        hidden = self.backbone.hidden(batch, self.adapter, self.depth, batch.predictors)
        return self.values_of(hidden, batch)

    def values_of(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Like `values`, from hidden states already at hand."""
        return self.head(hidden[batch.predictor_index]) * batch.completion_mask
