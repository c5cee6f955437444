"""A rollout: sample completions, score them, compare with the reference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from rather.data.batch import Batch, Row, by_length, pack
from rather.equations.logprobs import masked_sum
from rather.models.roles import Policy, RewardModel, ValueModel
from rather.records import Prompt
from rather.rollout import local


class Scorer(Protocol):
    """Gives each row's completions their scores: a reward model, a function, a weighted mix."""

    def __call__(self, prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        """One list of scores a row, one score a completion."""


@dataclass(frozen=True)
class Rollout:
    """Sampled rows with all that the update needs; tensors are [B, T], masked positions 0."""

    rows: tuple[Row, ...]
    stopped: Tensor
    """[B] True where the completion ended by itself."""
    scores: Tensor
    """[B] what the scorer gave."""
    completion_mask: Tensor
    """[B, T] True = a real completion token."""
    logprobs: Tensor
    """Of the policy that sampled, by the trainer's own forward pass."""
    sampler_logprobs: Tensor
    """Of the same tokens, as the sampler saw them while decoding."""
    ref_logprobs: Tensor
    values: Tensor

    @property
    def lengths(self) -> Tensor:
        """[B] tokens a completion."""
        return self.completion_mask.sum(dim=1)


@dataclass(frozen=True)
class Roles:
    """Who takes part: the policy samples, the others look at what it wrote."""

    policy: Policy
    reference: Policy
    value: ValueModel
    scorer: Scorer


def collect(
    roles: Roles,
    prompts: Sequence[Prompt],
    requests: Sequence[local.Request],
    settings: local.Settings,
    microbatch_tokens: int,
    advance: Callable[[int], None] = lambda tokens: None,
) -> Rollout:
    """Sample the requests and look at the result with every role."""
    policy = roles.policy
    sampled = local.sample(policy.backbone, policy.adapter, requests, settings, advance)
    rows = [
        Row(request.prompt_ids, tuple(one.ids for one in answers))
        for request, answers in zip(requests, sampled, strict=True)
    ]
    flat = [one for answers in sampled for one in answers]
    scores = roles.scorer(prompts, rows)
    width = max(len(one.ids) for one in flat)
    shape = (len(flat), width)
    mask = torch.arange(width) < torch.tensor([len(one.ids) for one in flat])[:, None]
    sampler = torch.zeros(shape).masked_scatter(
        mask, torch.tensor([p for one in flat for p in one.logprobs])
    )

    def look(of: Callable[[Batch], Tensor]) -> Tensor:
        return by_microbatch(of, rows, microbatch_tokens, shape, policy.backbone.device)

    return Rollout(
        rows=tuple(rows),
        stopped=torch.tensor([one.finish_reason == "stop" for one in flat]),
        scores=torch.tensor([score for row in scores for score in row]),
        completion_mask=mask,
        logprobs=look(lambda batch: policy.logprobs(batch, settings.temperature)),
        sampler_logprobs=sampler,
        ref_logprobs=look(lambda batch: roles.reference.logprobs(batch, settings.temperature)),
        values=look(roles.value.values),
    )


@torch.no_grad()
def by_microbatch(
    of: Callable[[Batch], Tensor],
    rows: Sequence[Row],
    microbatch_tokens: int,
    shape: tuple[int, int],
    device: torch.device,
) -> Tensor:
    """Something [b, t] of each microbatch, put together as [B, T] on the CPU."""
    found = torch.zeros(shape)
    for indices in by_length(rows, microbatch_tokens):
        values = of(pack([rows[index] for index in indices]).to(device))
        found[completions_of(rows, indices), : values.shape[1]] = values.float().cpu()
    return found


def sequence_logprobs(
    policy: Policy, rows: Sequence[Row], microbatch_tokens: int, temperature: float = 1.0
) -> Tensor:
    """Σ_t log π of every completion of every row: [B], on the CPU."""

    def of(batch: Batch) -> Tensor:
        return masked_sum(policy.logprobs(batch, temperature), batch.completion_mask)[:, None]

    shape = (sum(len(row.completions) for row in rows), 1)
    return by_microbatch(of, rows, microbatch_tokens, shape, policy.backbone.device)[:, 0]


def completions_of(rows: Sequence[Row], indices: Sequence[int]) -> list[int]:
    """Places [B] of the completions of some rows, row by row."""
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row.completions))
    return [place for index in indices for place in range(starts[index], starts[index + 1])]


@torch.no_grad()
def score_rows(
    model: RewardModel, rows: Sequence[Row], microbatch_tokens: int
) -> list[list[float]]:
    """A reward model's score of every completion of every row."""
    found: list[list[float]] = [[] for _ in rows]
    for indices in by_length(rows, microbatch_tokens):
        batch = pack([rows[index] for index in indices]).to(model.backbone.device)
        scores = model.scores(batch).tolist()
        for index, row in zip(batch.row_of.tolist(), scores, strict=True):
            found[indices[index]].append(row)
    return found
