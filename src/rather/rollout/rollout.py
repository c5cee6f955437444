"""A rollout: sampled completions, their scores, and what policy, reference and critic say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from rather.data.batch import Batch, Lower, Row, microbatches
from rather.equations.logprobs import masked_sum
from rather.failpoints import failpoint
from rather.models.roles import Policy, RewardEnsemble, RewardModel, ValueModel
from rather.records import Prompt
from rather.rollout.local import sample_policy
from rather.rollout.requests import Request, Sampled
from rather.rollout.sampler import Sampler

MEASURED_TOGETHER = 2048
"""Tokens computed at once wherever something is only measured, whatever training is told: in
bfloat16 the last digit of a score depends on what shares its microbatch."""


class Scorer(Protocol):
    """Gives each row's completions their scores: a reward model, a function, a weighted mix."""

    def __call__(self, prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        """One list of scores a row, one score a completion."""


@runtime_checkable
class DoubtingScorer(Scorer, Protocol):
    """A scorer that can say how far its reward models are apart, where it has several."""

    def with_spread(
        self, prompts: Sequence[Prompt], rows: Sequence[Row]
    ) -> tuple[list[list[float]], list[list[float]] | None]:
        """The scores, and beside them a standard deviation each; None without an ensemble."""


class TokenScorer(Protocol):
    """Gives every token of each row's completions a number."""

    def __call__(self, prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[list[float]]]:
        """One list a row, in it one list a completion, in it one number a token."""


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
    values: Tensor | None = None
    """Of the critic; None without one."""
    token_scores: Tensor | None = None
    """What a function of the tokens adds to each token's reward; None without one."""
    spread: Tensor | None = None
    """[B] how far an ensemble's reward models are apart; None without one."""
    staleness: Tensor | None = None
    """[B] steps done between the policy that drew a completion and the one of `logprobs`; None
    where they are always the same."""

    @property
    def lengths(self) -> Tensor:
        """[B] tokens a completion."""
        return self.completion_mask.sum(dim=1)


@dataclass(frozen=True)
class Roles:
    """Who takes part: the policy samples, the others look at what it wrote."""

    policy: Policy
    reference: Policy
    value: ValueModel | None
    scorer: Scorer
    token_scorer: TokenScorer | None = None
    sampler: Sampler = sample_policy


def collect(
    roles: Roles,
    prompts: Sequence[Prompt],
    drawn: Sequence[tuple[Request, Sequence[Sampled]]],
    temperature: float,
    microbatch_tokens: int,
    advance: Callable[[int], None] = lambda tokens: None,
) -> Rollout:
    """Look at what was sampled of each request, at this temperature, with every role.

    `advance` hears of no more tokens, from time to time: looking takes about as long as sampling.
    """
    policy = roles.policy
    failpoint("rollout.sampled")
    rows = [
        Row(request.prompt_ids, tuple(one.ids for one in answers)) for request, answers in drawn
    ]
    rows = with_lower_states(policy, rows, microbatch_tokens)
    flat = [one for _, answers in drawn for one in answers]
    scores, spread = _judged(roles.scorer, prompts, rows)
    failpoint("rollout.scored")
    advance(0)

    def look(of: Callable[[Batch], Tensor]) -> Tensor:
        device = policy.backbone.device
        return token_table(of, rows, microbatch_tokens, device, lambda rows_done: advance(0))

    by_token = roles.token_scorer(prompts, rows) if roles.token_scorer else None
    return Rollout(
        rows=tuple(rows),
        stopped=torch.tensor([one.finish_reason == "stop" for one in flat]),
        scores=torch.tensor([score for row in scores for score in row]),
        completion_mask=torch.arange(max(len(one.ids) for one in flat))
        < torch.tensor([len(one.ids) for one in flat])[:, None],
        logprobs=look(lambda batch: policy.logprobs(batch, temperature)),
        sampler_logprobs=ragged([one.logprobs for one in flat]),
        ref_logprobs=look(lambda batch: roles.reference.logprobs(batch, temperature)),
        values=look(roles.value.values) if roles.value else None,
        token_scores=ragged([one for row in by_token for one in row]) if by_token else None,
        spread=torch.tensor([one for row in spread for one in row]) if spread else None,
    )


def _judged(
    scorer: Scorer, prompts: Sequence[Prompt], rows: Sequence[Row]
) -> tuple[list[list[float]], list[list[float]] | None]:
    if isinstance(scorer, DoubtingScorer):
        return scorer.with_spread(prompts, rows)
    return scorer(prompts, rows), None


def ragged(values: Sequence[Sequence[float]]) -> Tensor:
    """Numbers of ragged length as a tensor, 0 where a row has ended: [len(values), longest]."""
    width = max(len(row) for row in values)
    return torch.tensor([[*row, *[0.0] * (width - len(row))] for row in values])


def with_lower_states(policy: Policy, rows: Sequence[Row], microbatch_tokens: int) -> list[Row]:
    """Rows that carry what lies below the policy's lowest trained layer, computed here once.

    Rows that carry it already are left as they are.
    """
    backbone = policy.backbone
    depth = backbone.lowest_layer(policy.adapter) if policy.adapter else 0
    if depth == 0:
        return list(rows)
    found = list(rows)
    new = [place for place, row in enumerate(rows) if row.lower is None]
    for indices, batch in microbatches(
        [rows[place] for place in new], microbatch_tokens, backbone.device
    ):
        places = [new[index] for index in indices]
        lower = backbone.lower(batch, depth)
        parts = lower.hidden.split([rows[place].num_tokens for place in places])
        for place, part in zip(places, parts, strict=True):
            found[place] = replace(rows[place], lower=Lower(backbone, depth, part))
    return found


@torch.no_grad()
def token_table(
    of: Callable[[Batch], Tensor],
    rows: Sequence[Row],
    microbatch_tokens: int,
    device: torch.device,
    advance: Callable[[int], None] = lambda rows_done: None,
) -> Tensor:
    """Something [b, t] of each microbatch, put together as [B, T] on the CPU."""
    lengths = [len(completion) for row in rows for completion in row.completions]
    found = torch.zeros(len(lengths), max(lengths))
    for indices, batch in microbatches(rows, microbatch_tokens, device, advance):
        values = of(batch)
        found[completions_of(rows, indices), : values.shape[1]] = values.float().cpu()
    return found


@torch.no_grad()
def sequence_logprobs(
    policy: Policy,
    rows: Sequence[Row],
    microbatch_tokens: int,
    *,
    temperatures: Sequence[float] = (1.0,),
    advance: Callable[[int], None] = lambda rows_done: None,
) -> Tensor:
    """Σ_t log π of every completion of every row, at each temperature: [K, B], on the CPU.

    The trunk runs once for all temperatures.
    """
    num_completions = sum(len(row.completions) for row in rows)
    found = torch.zeros(len(temperatures), num_completions)
    for indices, batch in microbatches(rows, microbatch_tokens, policy.backbone.device, advance):
        places, hidden = completions_of(rows, indices), policy.hidden(batch)
        for number, temperature in enumerate(temperatures):
            logprobs = policy.logprobs_of(hidden, batch, temperature)
            found[number, places] = masked_sum(logprobs, batch.completion_mask).cpu()
    return found


def completions_of(rows: Sequence[Row], indices: Sequence[int]) -> list[int]:
    """Places [B] of the completions of some rows, row by row."""
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row.completions))
    return [place for index in indices for place in range(starts[index], starts[index + 1])]


@torch.no_grad()
def score_rows(
    model: RewardModel | RewardEnsemble,
    rows: Sequence[Row],
    microbatch_tokens: int,
    advance: Callable[[int], None] = lambda rows_done: None,
) -> list[list[float]]:
    """A reward model's score of every completion of every row."""
    found: list[list[float]] = [[] for _ in rows]
    device = model.backbone.device
    for indices, batch in microbatches(rows, microbatch_tokens, device, advance):
        for row, score in zip(batch.row_of.tolist(), model.scores(batch).tolist(), strict=True):
            found[indices[row]].append(score)
    return found
