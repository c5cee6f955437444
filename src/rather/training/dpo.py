"""Direct preference optimization: the policy learns from comparisons without a reward model."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rather.config.stages import DPO
from rather.data.batch import Batch, Row
from rather.data.judged import Judged
from rather.equations import dpo as losses
from rather.equations.dpo import PairLogprobs
from rather.equations.logprobs import masked_sum
from rather.errors import UsageError
from rather.models.roles import Policy
from rather.models.tuning import Tuned
from rather.records import Alarm
from rather.rollout.tables import completions_of, token_table, with_lower_states
from rather.training.accumulation import Group, accumulating
from rather.training.checkpoints import Kept
from rather.training.learner import Learner, Metrics
from rather.training.loop import Run, slices, train

WARNS_AT = 0.5
"""Share of `max_chosen_drop` at which a warning is given."""


def train_dpo(
    section: DPO, tuned: Tuned, reference: Policy, judged: Sequence[Judged], run: Run, seed: int
) -> None:
    """Train on every (better, worse) pair of judged rows; a row's completions run once for all.

    The reference's log-probabilities of a row are computed when it is first met, from the lower
    layers' states that the policy's own pass then uses too; they are part of a checkpoint.
    """
    policy = Policy(tuned.backbone, tuned.adapter)
    settings = loss_settings(section)
    ranks, budget = run.ranks, section.microbatch_tokens
    updates = slices(len(judged), section, seed)
    group = Group(ranks, tuned.shards)
    learner = Learner(tuned.parameters, section, len(updates), group=group)
    kept = Kept({"reference": {}})

    def step(number: int) -> Metrics:
        here = [judged[index] for index in updates[number]]
        num_pairs = sum(len(one.pairs) for one in here)
        with accumulating(group) as update:
            mine = update.share(updates[number], lambda index: judged[index].row.num_tokens)
            rows = with_lower_states(policy, [judged[index].row for index in mine], budget)
            named = {str(index): judged[index] for index in mine}
            known = look_up(section, reference, rows, named, kept.numbers["reference"])
            for indices, batch in update.microbatches(rows, budget, policy.backbone.device):
                names = [str(mine[index]) for index in indices]
                pairs = pair_places([named[name] for name in names])
                said = _Reference(pairs, [known[name] for name in names])
                loss, metrics = pair_losses(section, settings, policy, batch, said)
                sums = {
                    key: value.detach().sum() for key, value in {"loss": loss, **metrics}.items()
                }
                update.add(
                    loss.sum() / num_pairs,
                    {key: one.item() / num_pairs for key, one in sums.items()},
                )
        for found in ranks.exchange(known):
            kept.numbers["reference"].update(found)
        gauges = watch_chosen(section, run, number, update.total)
        if gauges.get("stop/chosen", 0.0) < WARNS_AT and number % section.checkpoint_every == 0:
            kept.numbers["good"] = number
        num_tokens = float(sum(len(c) for one in here for c in one.row.completions))
        return {**update.total, **gauges, "num_tokens": num_tokens, **learner.update()}

    train(learner, run, len(updates), step, kept)


def loss_settings(section: DPO) -> dict[str, float]:
    """The scalars the section's loss takes; UsageError for one that is set and not taken."""
    given = {
        "beta": section.beta,
        "label_smoothing": section.label_smoothing,
        "target_margin": section.target_margin,
        "dpop_coefficient": section.dpop_coefficient,
    }
    takes = losses.settings_of(section.loss)
    for name, value in given.items():
        if name not in takes and value != DPO.model_fields[name].default:
            raise UsageError(
                f"dpo.{name} is set, but dpo.loss: {section.loss} has no use for it; leave it out, "
                "or choose another loss."
            )
    return {name: value for name, value in given.items() if name in takes}


class _Reference:
    """What the reference said of a microbatch's pairs."""

    def __init__(self, pairs: Tensor, known: Sequence[Sequence[Sequence[float]]]) -> None:
        self.pairs = pairs
        """[2, M] places of the better and the worse completion in the batch."""
        table = torch.tensor([two for row in known for two in row])
        self.chosen, self.rejected = table[:, 0], table[:, 1]


def look_up(
    section: DPO,
    reference: Policy,
    rows: Sequence[Row],
    named: Mapping[str, Judged],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """Σ log π_ref of (chosen, rejected) of every pair of these rows, by name.

    `before` is what is known already; `rows` are those of `named`, in its order.
    """
    known = {name: before[name] for name in named if name in before}
    new = {name: row for name, row in zip(named, rows, strict=True) if name not in known}
    if not new:
        return known
    if section.loss in losses.REFERENCE_FREE:
        return known | {name: [[0.0, 0.0]] * len(named[name].pairs) for name in new}
    fresh = list(new.values())
    table = token_table(
        reference.logprobs, fresh, section.microbatch_tokens, reference.backbone.device
    )
    lengths = torch.tensor([len(completion) for row in fresh for completion in row.completions])
    mask = torch.arange(table.shape[1]) < lengths[:, None]
    for number, name in enumerate(new):
        places = completions_of(fresh, [number])
        pairs = pair_places([named[name]])
        sums = pair_sums(table[places], mask[places], pairs, section.length_weight)
        known[name] = torch.stack(sums, dim=1).tolist()
    return known


def pair_sums(
    logprobs: Tensor, mask: Tensor, pairs: Tensor, length_weight: float
) -> tuple[Tensor, Tensor]:
    """Σ log π of the pairs' chosen and rejected: [B, T], [B, T], [2, M] -> [M], [M]."""
    lengths = mask.sum(dim=1)
    public = torch.minimum(lengths[pairs[0]], lengths[pairs[1]])
    chosen, rejected = (
        losses.length_desensitized_sum(logprobs[side], mask[side], public, alpha=length_weight)
        for side in pairs
    )
    return chosen, rejected


def pair_losses(
    section: DPO,
    settings: dict[str, float],
    policy: Policy,
    batch: Batch,
    reference: _Reference,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each pair [M], and TRL's metrics of it."""
    mask, pairs = batch.completion_mask, reference.pairs
    device, logprobs = mask.device, policy.logprobs(batch)
    chosen, rejected = pair_sums(logprobs, mask, pairs, section.length_weight)
    lengths = mask.sum(dim=1)
    said = PairLogprobs(
        chosen,
        rejected,
        reference.chosen.to(device),
        reference.rejected.to(device),
        lengths[pairs[0]],
        lengths[pairs[1]],
    )
    loss = losses.LOSSES[section.loss](said, **settings)
    if section.nll_coefficient:
        whole = masked_sum(logprobs, mask)[pairs[0]]  # every token, whatever `length_weight` says
        likelihood = losses.negative_log_likelihood(whole, said.chosen_length)
        loss = loss + section.nll_coefficient * likelihood
    margin = losses.log_ratio_margin(said)
    metrics = {
        "rewards/chosen": section.beta * (chosen - said.ref_chosen),
        "rewards/rejected": section.beta * (rejected - said.ref_rejected),
        "rewards/margins": section.beta * margin,
        "rewards/accuracies": (margin > 0).float(),
        "logps/chosen": chosen,
        "logps/rejected": rejected,
        "lengths/chosen": said.chosen_length.float(),
        "lengths/rejected": said.rejected_length.float(),
    }
    return loss, metrics


def watch_chosen(section: DPO, run: Run, number: int, metrics: Metrics) -> Metrics:
    """Likelihood displacement: margins rise while even the chosen completions become unlikely.

    Razin et al. 2024, https://arxiv.org/abs/2410.08847.
    """
    limit = section.max_chosen_drop
    if limit is None or section.loss in losses.REFERENCE_FREE:
        return {}
    gauge = max(-metrics["rewards/chosen"] / section.beta, 0.0) / limit
    said = (
        f"chosen completions are {gauge * limit:.0f} nats less likely than under the reference "
        f"(limit {limit:g}), while margins rise; set dpo.nll_coefficient, raise dpo.beta, lower "
        "the learning rate, or try loss: dpo_positive."
    )
    if gauge >= 1:
        run.alarm(number, Alarm("chosen", "stop", f"Stopped: {said}"))
    elif gauge >= WARNS_AT and metrics["rewards/margins"] > 0:
        run.alarm(number, Alarm("chosen", "warn", said))
    return {"stop/chosen": gauge}


def pair_places(judged: Sequence[Judged]) -> Tensor:
    """Places in the batch of every pair's better and worse completion: [2, M]."""
    found: list[tuple[int, int]] = []
    first = 0
    for one in judged:
        found += [(first + better, first + worse) for better, worse in one.pairs]
        first += len(one.row.completions)
    return torch.tensor(found).T
