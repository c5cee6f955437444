"""Direct preference optimization: the policy learns from comparisons without a reward model."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rather.config.stages import DPO
from rather.data.batch import Batch, Row, microbatches
from rather.data.judged import Judged
from rather.equations.dpo import LOSSES, log_ratio_margin
from rather.equations.logprobs import masked_sum
from rather.models.roles import Policy
from rather.models.tuning import Tuned
from rather.rollout.rollout import sequence_logprobs, with_lower_states
from rather.training.loop import Learner, Metrics, Run, slices, train

Known = dict[str, list[float]]
"""Row number -> the reference's log-probability of each completion; part of a checkpoint."""


def train_dpo(
    section: DPO, tuned: Tuned, reference: Policy, judged: Sequence[Judged], run: Run, seed: int
) -> None:
    """Train on every (better, worse) pair of judged rows; a row's completions run once for all.

    The reference's log-probabilities of a row are computed when it is first met, from the lower
    layers' states that the policy's own pass then uses too.
    """
    policy = Policy(tuned.backbone, tuned.adapter)
    updates = slices(len(judged), section, seed)
    learner = Learner(tuned.parameters, section, len(updates))
    known: Known = {}

    def step(number: int) -> Metrics:
        chosen = updates[number]
        budget = section.microbatch_tokens
        rows = with_lower_states(policy, [judged[index].row for index in chosen], budget)
        _look_up(reference, rows, [str(index) for index in chosen], known, budget)
        num_pairs = sum(len(judged[index].pairs) for index in chosen)
        total: Metrics = {}
        for indices, batch in microbatches(rows, budget, policy.backbone.device):
            here = [chosen[index] for index in indices]
            ref = torch.tensor([value for index in here for value in known[str(index)]])
            ref = ref.to(policy.backbone.device)
            pairs = pair_places([judged[index] for index in here])
            loss, metrics = pair_losses(section, policy, batch, ref, pairs)
            (loss.sum() / num_pairs).backward()
            for key, value in {"loss": loss, **metrics}.items():
                total[key] = total.get(key, 0.0) + value.detach().sum().item() / num_pairs
        return {**total, **learner.update()}

    train(learner, run, len(updates), step, known)


def _look_up(
    reference: Policy, rows: Sequence[Row], names: Sequence[str], known: Known, budget: int
) -> None:
    """Fill in log π_ref of the completions of rows not met before."""
    new = [place for place, name in enumerate(names) if name not in known]
    if new:
        found = sequence_logprobs(reference, [rows[place] for place in new], budget).tolist()
        for place in new:
            many = len(rows[place].completions)
            known[names[place]], found = found[:many], found[many:]


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
