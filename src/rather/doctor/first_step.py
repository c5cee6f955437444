"""PPO's first minibatch as it would be: every ratio 1, the KL 0, sampler and trainer agreed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from rather.config.ppo import PPO
from rather.data.batch import Row, pack
from rather.doctor.finding import Check, Finding, ok
from rather.doctor.patient import NUM_PROBES, Patient, sampled
from rather.doctor.roles import BFLOAT16, TOKENS_TOGETHER, is_rounding, logprobs
from rather.equations.kl import k3
from rather.models.roles import Policy
from rather.models.tuning import Tuned, start_tuning
from rather.rollout import local
from rather.rollout.tables import with_lower_states

SAMPLED_TOKENS = 12
"""Tokens drawn for each completion."""
RATIO = 1e-3
"""How far the first ratio may be from 1 (float32)."""
STILL = 1e-4
"""KL a token (nats) that counts as none; `ppo` stops before its first update above it."""


@dataclass(frozen=True)
class _FirstStep:
    """What PPO would see at its first minibatch, a number a token [M]."""

    ratios: Tensor
    kl: Tensor
    mismatch: Tensor
    """Sampler's minus trainer's log-probabilities."""
    num_completions: int
    dtype: torch.dtype


def first_step(patient: Patient) -> Finding:
    """The first minibatch of PPO: every ratio 1, no KL to the reference, the sampler agrees."""
    step = _first_step(patient)
    ratio = (step.ratios - 1).abs().max().item()
    kl, gaps = step.kl.mean().item(), step.mismatch.abs()
    found = (
        f"{len(step.ratios)} tokens of {step.num_completions} fresh completions: every ratio is "
        f"{_close(ratio, '1')}, KL to the reference is {_close(kl, '0')} nats a token, sampler and "
        f"trainer differ by {gaps.max().item():.1g} nats at most"
    )
    is_float = step.dtype == torch.float32
    wrong = [
        ("the ratio is not 1", ratio > (RATIO if is_float else BFLOAT16)),
        ("the policy is not its reference", kl > STILL),
        ("the sampler draws from another distribution", not is_rounding(gaps, step.dtype)),
    ]
    broken = [what for what, is_so in wrong if is_so]
    if not broken:
        return ok(found)
    return Finding(
        "problem",
        f"{' and '.join(broken)}: {found}",
        "PPO would correct for a difference that is only numerical, and drift",
        "set dtype: float32; if that changes nothing, please report it with the model's name",
        place="settings",
    )


def _close(gap: float, wanted: str) -> str:
    return f"{wanted} within {gap:.1g}" if gap else f"exactly {wanted}"


def _first_step(patient: Patient) -> _FirstStep:
    section = patient.ws.config.ppo
    start = patient.policy
    with _tuning(start, patient) as tuned:
        policy = Policy(tuned.backbone, tuned.adapter)
        requests = [
            local.Request(ids, (2 * number, 2 * number + 1))
            for number, ids in enumerate(_asked(patient))
        ]
        settings = local.Settings(section.temperature, SAMPLED_TOKENS, patient.codec.stop_ids)
        drawn = local.sample(policy.backbone, policy.adapter, requests, settings)
        rows = [
            Row(request.prompt_ids, tuple(one.ids for one in answers))
            for request, answers in zip(requests, drawn, strict=True)
        ]
        together = with_lower_states(policy, rows, TOKENS_TOGETHER)
        old = logprobs(policy, together, section.temperature)
        new = learning_logprobs(policy, together, section)
        ref = logprobs(start, together, section.temperature)
    sampler = torch.tensor([p for answers in drawn for one in answers for p in one.logprobs])
    return _FirstStep(
        ratios=(new - old).exp(),
        kl=k3(old, ref),
        mismatch=sampler - old,
        num_completions=sum(len(answers) for answers in drawn),
        dtype=next(start.backbone.model.parameters()).dtype,
    )


@contextmanager
def _tuning(start: Policy, patient: Patient) -> Iterator[Tuned]:
    """What PPO would train, gone at the end."""
    tuned = start_tuning(start, "doctor", patient.ws.config.ppo.adapter, patient.ws.config.seed)
    try:
        yield tuned
    finally:
        if tuned.adapter is not None:
            tuned.backbone.remove_adapter(tuned.adapter)


def _asked(patient: Patient) -> list[tuple[int, ...]]:
    """A few prompts' tokens, short enough to run at once."""
    shortest = sorted(patient.encoded_prompts, key=len)[: max(NUM_PROBES * 4, 1)]
    return sampled(shortest, NUM_PROBES)


def learning_logprobs(policy: Policy, rows: list[Row], section: PPO) -> Tensor:
    """Like `roles.logprobs`, by the pass the gradient goes through, in minibatches like PPO's."""
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    for part in range(section.num_minibatches):
        chosen = range(len(rows))[part :: section.num_minibatches]
        if not chosen:
            continue
        batch = pack([rows[index] for index in chosen]).to(policy.backbone.device)
        learning = policy.logprobs(batch, section.temperature).detach()
        lengths = [sum(map(len, rows[index].completions)) for index in chosen]
        real = learning[batch.completion_mask].float().cpu()
        for index, one in zip(chosen, real.split(lengths), strict=True):
            found[index] = one
    return torch.cat(found)


CHECKS = (
    Check(
        "roles",
        "first step",
        "Is every ratio 1 at PPO's first minibatch, and the KL to the reference 0?",
        first_step,
    ),
)
