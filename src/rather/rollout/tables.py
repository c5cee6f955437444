"""Rows through a role, a microbatch at a time, and what it says of them put together again."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from rather.data.batch import Batch, Lower, Row, microbatches
from rather.equations.logprobs import masked_sum
from rather.models.roles import Policy, RewardEnsemble, RewardModel

MEASURED_TOGETHER = 2048
"""Tokens computed at once wherever something is only measured, whatever training is told: in
bfloat16 the last digit of a score depends on what shares its microbatch."""


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
def token_tables(
    of: Callable[[Batch, list[int]], Sequence[Tensor]],
    rows: Sequence[Row],
    microbatch_tokens: int,
    device: torch.device,
    advance: Callable[[int], None] = lambda rows_done: None,
) -> list[Tensor]:
    """Several things [b, t] of each microbatch, each put together as [B, T] on the CPU.

    `of` is told the places of the microbatch's completions too.
    """
    lengths = [len(completion) for row in rows for completion in row.completions]
    tables: list[Tensor] = []
    for indices, batch in microbatches(rows, microbatch_tokens, device, advance):
        places = completions_of(rows, indices)
        parts = of(batch, places)
        tables = tables or [torch.zeros(len(lengths), max(lengths)) for _ in parts]
        for table, part in zip(tables, parts, strict=True):
            table[places, : part.shape[1]] = part.float().cpu()
    return tables


def token_table(
    of: Callable[[Batch], Tensor],
    rows: Sequence[Row],
    microbatch_tokens: int,
    device: torch.device,
    advance: Callable[[int], None] = lambda rows_done: None,
) -> Tensor:
    """Something [b, t] of each microbatch, put together as [B, T] on the CPU."""
    return token_tables(lambda batch, _: [of(batch)], rows, microbatch_tokens, device, advance)[0]


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
        places, hidden = completions_of(rows, indices), policy.predicting(batch)
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
