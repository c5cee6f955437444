"""Direct preference optimization: the policy learns from comparisons without a reward model."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rather.config.stages import DPO
from rather.data.batch import Batch, microbatches
from rather.data.judged import Judged
from rather.equations.dpo import LOSSES, log_ratio_margin
from rather.equations.logprobs import masked_sum
from rather.models.roles import Policy
from rather.models.tuning import Tuned
from rather.rollout.rollout import completions_of, sequence_logprobs
from rather.training.loop import Learner, Metrics, Run, slices, train


def train_dpo(
    section: DPO, tuned: Tuned, reference: Policy, judged: Sequence[Judged], run: Run, seed: int
) -> None:
    """Train on every (better, worse) pair of judged rows; a row's completions run once for all.

    The reference's log-probabilities are computed once, before the first update.
    """
    policy = Policy(tuned.backbone, tuned.adapter)
    all_rows = [one.row for one in judged]
    with run.progress.track("reference log-probabilities", len(judged), "rows") as task:
        ref_logprobs = sequence_logprobs(
            reference, all_rows, section.microbatch_tokens, advance=task.advance
        )
    updates = slices(len(judged), section, seed)
    learner = Learner(tuned.parameters, section, len(updates))

    def step(number: int) -> Metrics:
        chosen = updates[number]
        num_pairs = sum(len(judged[index].pairs) for index in chosen)
        total: Metrics = {}
        rows = [all_rows[index] for index in chosen]
        for indices, batch in microbatches(rows, section.microbatch_tokens, policy.backbone.device):
            here = [chosen[index] for index in indices]
            ref = ref_logprobs[completions_of(all_rows, here)].to(policy.backbone.device)
            pairs = pair_places([judged[index] for index in here])
            loss, metrics = pair_losses(section, policy, batch, ref, pairs)
            (loss.sum() / num_pairs).backward()
            for key, value in {"loss": loss, **metrics}.items():
                total[key] = total.get(key, 0.0) + value.detach().sum().item() / num_pairs
        return {**total, **learner.update()}

    train(learner, run, len(updates), step)


def pair_losses(
    section: DPO,
    policy: Policy,
    batch: Batch,
    ref_logprobs: Tensor,
    pairs: Tensor,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each pair [M], and TRL's metrics of it; ref_logprobs [B], pairs [2, M] places."""
    logprobs = masked_sum(policy.logprobs(batch), batch.completion_mask)
    chosen, rejected = logprobs[pairs[0]], logprobs[pairs[1]]
    ref_chosen, ref_rejected = ref_logprobs[pairs[0]], ref_logprobs[pairs[1]]
    margin = log_ratio_margin(chosen, rejected, ref_chosen, ref_rejected)
    loss = LOSSES[section.loss](margin, beta=section.beta, label_smoothing=section.label_smoothing)
    if section.nll_coefficient:
        lengths = batch.completion_mask.sum(dim=1)[pairs[0]]
        loss = loss - section.nll_coefficient * chosen / lengths
    metrics = {
        "rewards/chosen": section.beta * (chosen - ref_chosen),
        "rewards/rejected": section.beta * (rejected - ref_rejected),
        "rewards/margins": section.beta * margin,
        "rewards/accuracies": (margin > 0).float(),
        "logps/chosen": chosen,
        "logps/rejected": rejected,
    }
    return loss, metrics


def pair_places(judged: Sequence[Judged]) -> Tensor:
    """Places in the batch of every pair's better and worse completion: [2, M]."""
    found: list[tuple[int, int]] = []
    first = 0
    for one in judged:
        found += [(first + better, first + worse) for better, worse in one.pairs]
        first += len(one.row.completions)
    return torch.tensor(found).T
