"""A rollout's numbers, by TRL's names where it has them; averages are over real tokens only."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from rather.data.batch import Row
from rather.equations import kl
from rather.equations.logprobs import masked_mean, masked_sum
from rather.failpoints import failpoint
from rather.rollout.requests import Request, Sampled
from rather.rollout.rollout import Roles, Rollout, Scorer
from rather.rollout.tables import with_lower_states
from rather.training.cast import Task
from rather.training.drawing.correction import Correction
from rather.training.learner import Metrics
from rather.training.targets import Targets

HELDOUT_SEED = 1 << 40
"""Far from the seeds of rollouts, and the same at every measurement."""


def of_rollout(rollout: Rollout, correction: Correction | None = None) -> Metrics:
    """What the stop rules look at: KL, entropy, length, how often it stops and repeats itself."""
    mask = rollout.completion_mask
    token_kl = kl.k1(rollout.logprobs, rollout.ref_logprobs)
    if correction is not None and rollout.staleness is not None:
        # of tokens that an older policy drew, the plain mean is no estimate of a KL: it can be < 0
        token_kl = token_kl * correction.of_rollout(rollout)
    sequence_kl = masked_sum(token_kl, mask)
    found = {
        "objective/scores_raw": rollout.scores.mean(),
        "objective/kl": sequence_kl.mean(),
        "objective/kl_error": sequence_kl.std(correction=0) / math.sqrt(len(sequence_kl)),
        "objective/kl_k3": masked_sum(kl.k3(rollout.logprobs, rollout.ref_logprobs), mask).mean(),
        "objective/entropy": masked_sum(-rollout.logprobs, mask).mean(),
        "objective/mismatch_kl": masked_mean(
            kl.k3(rollout.sampler_logprobs, rollout.logprobs), mask
        ),
        "length": rollout.lengths.float().mean(),
        "eos_rate": rollout.stopped.float().mean(),
        "eos_error": rollout.stopped.float().std(correction=0) / math.sqrt(len(rollout.stopped)),
    }
    if rollout.spread is not None:
        found["objective/score_spread"] = rollout.spread.mean()
    return {
        **{key: value.item() for key, value in found.items()},
        "distinct_2": distinct_2(rollout),
        **(correction.measures(rollout) if correction else {}),
    }


def distinct_2(rollout: Rollout) -> float:
    """Different pairs of neighbouring tokens over all such pairs, in the whole rollout.

    Li et al. 2016 (distinct-2), https://arxiv.org/abs/1510.03055.
    """
    pairs = [
        pair
        for row in rollout.rows
        for completion in row.completions
        for pair in pairwise(completion)
    ]
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def of_targets(targets: Targets, rollout: Rollout) -> Metrics:
    """Scores and rewards after shaping, and how well the critic had foreseen the returns."""
    mask = rollout.completion_mask
    found = {
        "objective/scores": targets.scores.mean().item(),
        "objective/rlhf_reward": targets.token_rewards.sum(dim=1).mean().item(),
        "objective/non_score_reward": (
            (targets.token_rewards.sum(dim=1) - targets.scores).mean().item()
        ),
    }
    if targets.returns is not None and rollout.values is not None:
        residual = masked_mean((targets.returns - rollout.values) ** 2, mask)
        centred = targets.returns - masked_mean(targets.returns, mask)
        spread = masked_mean(centred**2, mask)
        if spread > 0:  # where all returns are the same there is nothing to foresee
            found["val/explained_variance"] = (1 - residual / spread).item()
    return found


def heldout_requests(tasks: Sequence[Task]) -> list[Request]:
    """What the policy is asked at every measurement."""
    return [Request(task.ids, (HELDOUT_SEED + place,)) for place, task in enumerate(tasks)]


@torch.no_grad()
def of_heldout(
    tasks: Sequence[Task],
    sampled: Sequence[Sequence[Sampled]],
    roles: Roles,
    scorer: Scorer,
    microbatch_tokens: int,
) -> Metrics:
    """One answer to each held-out prompt, by the training reward and by the held-out one: sums."""
    if not tasks:
        return {}
    rows = [Row(task.ids, (one.ids,)) for task, (one,) in zip(tasks, sampled, strict=True)]
    rows = with_lower_states(roles.policy, rows, microbatch_tokens)
    prompts = [task.prompt for task in tasks]

    def total(by: Scorer) -> float:
        return sum(score for row in by(prompts, rows) for score in row)

    found = {"heldout/proxy": total(roles.scorer), "heldout/score": total(scorer)}
    failpoint("evaluation.scored")
    return found
