"""A rollout: sampled completions, their scores, and what policy, reference and critic say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from rather.data.batch import Batch, Row
from rather.failpoints import failpoint
from rather.models.roles import Look, Policy, ValueModel
from rather.records import Prompt
from rather.rollout.local import sample_policy
from rather.rollout.requests import Request, Sampled
from rather.rollout.sampler import Sampler
from rather.rollout.tables import token_tables, with_lower_states


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


OpenLooks = dict[tuple[int, ...], Look]
"""Passes of a policy that an update can still take its gradient through, by the places of their
completions in the rollout. They are of no use any more as soon as the policy has learnt."""


@dataclass(frozen=True)
class Looking:
    """How a rollout is looked at."""

    temperature: float
    microbatch_tokens: int
    open_looks: OpenLooks | None = None
    """Takes the policy's first pass, for the update that comes next; None: nothing learns next."""


def collect(
    roles: Roles,
    prompts: Sequence[Prompt],
    drawn: Sequence[tuple[Request, Sequence[Sampled]]],
    looking: Looking,
    advance: Callable[[int], None] = lambda tokens: None,
) -> Rollout:
    """Look at what was sampled of each request with every role.

    `advance` hears of no more tokens, from time to time: looking takes about as long as sampling.
    """
    policy, microbatch_tokens = roles.policy, looking.microbatch_tokens
    failpoint("rollout.sampled")
    rows = [
        Row(request.prompt_ids, tuple(one.ids for one in answers)) for request, answers in drawn
    ]
    rows = with_lower_states(policy, rows, microbatch_tokens)
    flat = [one for _, answers in drawn for one in answers]
    scores, spread = _judged(roles.scorer, prompts, rows)
    failpoint("rollout.scored")
    advance(0)

    def look(of: Callable[[Batch, list[int]], Sequence[Tensor]]) -> list[Tensor]:
        device = policy.backbone.device
        return token_tables(of, rows, microbatch_tokens, device, lambda rows_done: advance(0))

    by_token = roles.token_scorer(prompts, rows) if roles.token_scorer else None
    (ref_logprobs,) = look(lambda batch, _: [roles.reference.logprobs(batch, looking.temperature)])
    values = []
    if (critic := roles.value) and not critic.is_on_trunk_of(policy):
        values = look(lambda batch, _: [critic.values(batch)])
    # the policy comes last, so that no other role's pass needs memory beside one that stays open
    logprobs, *on_trunk = look(partial(_policy_says, roles, looking))
    values = values or on_trunk
    return Rollout(
        rows=tuple(rows),
        stopped=torch.tensor([one.finish_reason == "stop" for one in flat]),
        scores=torch.tensor([score for row in scores for score in row]),
        completion_mask=torch.arange(max(len(one.ids) for one in flat))
        < torch.tensor([len(one.ids) for one in flat])[:, None],
        logprobs=logprobs,
        sampler_logprobs=ragged([one.logprobs for one in flat]),
        ref_logprobs=ref_logprobs,
        values=values[0] if values else None,
        token_scores=ragged([one for row in by_token for one in row]) if by_token else None,
        spread=torch.tensor([one for row in spread for one in row]) if spread else None,
    )


def _policy_says(roles: Roles, looking: Looking, batch: Batch, places: list[int]) -> list[Tensor]:
    """Log-probabilities [b, t], and the values of a critic on the policy's trunk."""
    critic, opened = roles.value, looking.open_looks
    stays_open = opened is not None and not opened
    with torch.set_grad_enabled(stays_open):
        look = roles.policy.look(batch, looking.temperature)
    if opened is not None and stays_open:
        opened[tuple(places)] = look
    if critic is None or not critic.is_on_trunk_of(roles.policy):
        return [look.logprobs]
    return [look.logprobs, critic.values_of(look.hidden, batch)]


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
