"""Supervised fine-tuning: the likelihood of demonstrated completions, or of plain text."""

from collections.abc import Sequence

import torch

from rather.config.stages import SFT
from rather.data.batch import Batch, Row
from rather.equations.logprobs import masked_sum
from rather.models.roles import Policy
from rather.models.tuning import Tuned
from rather.training.accumulation import Group, accumulating
from rather.training.learner import Learner, Metrics
from rather.training.loop import Run, slices, train


def train_sft(section: SFT, tuned: Tuned, rows: Sequence[Row], run: Run, seed: int) -> None:
    """Train a trunk on rows of one completion each."""
    policy, device = Policy(tuned.backbone, tuned.adapter), tuned.backbone.device
    if section.loss_on_prompt:
        rows = [_prompt_learnt_too(row) for row in rows]
    updates = slices(len(rows), section, seed)
    group = Group(run.ranks, tuned.shards)
    learner = Learner(tuned.parameters, section, len(updates), group=group)

    def step(number: int) -> Metrics:
        batch_rows = [rows[index] for index in updates[number]]
        num_tokens = sum(len(c) for row in batch_rows for c in row.completions)
        with accumulating(group) as update:
            mine = update.share(batch_rows, lambda row: row.num_tokens)
            for _, batch in update.microbatches(mine, section.microbatch_tokens, device):
                loss = negative_log_likelihood(policy, batch) / num_tokens
                update.add(loss, {"loss": loss})
        return {**update.total, "num_tokens": num_tokens, **learner.update()}

    train(learner, run, len(updates), step)


def negative_log_likelihood(policy: Policy, batch: Batch) -> torch.Tensor:
    """−Σ log π over the batch's completion tokens: a scalar."""
    return -masked_sum(policy.logprobs(batch), batch.completion_mask).sum()


def _prompt_learnt_too(row: Row) -> Row:
    """All tokens but the first become completion; the first has nothing to predict it."""
    joined = (*row.prompt_ids, *row.completions[0])
    return Row(joined[:1], (joined[1:],))
