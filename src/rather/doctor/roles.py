"""Policy and reference on real prompts: who the reference is, and that nothing moves at step 0."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from rather.data.batch import Row
from rather.doctor.finding import Check, Finding, ok
from rather.doctor.model import running_on
from rather.doctor.patient import NotYet, Patient
from rather.models.backbone import Backbone
from rather.models.lora import LoraShape
from rather.models.roles import Policy
from rather.rollout.tables import token_table

TOKENS_TOGETHER = 2048
FLOAT32, BFLOAT16 = 1e-3, 1.0
"""How far a token's log-probability may move with what is computed beside it (nats): sums in
another order differ by some 1e-6 of the logits in float32, by some 1e-2 in bfloat16, whose numbers
from 32 on are 0.25 apart: an unlikely token of sound models moved by 0.5."""
ON_AVERAGE = 0.15
"""Share of that which all of them may move on average: what leaks between neighbours moves all. In
bfloat16 the embedded model's move by 0.05 on unlikely texts; behind another's prompt, by 1."""
LOUD = 0.2
"""Standard deviation of a trial adapter's weights: enough to move every log-probability."""


def adapters_off(patient: Patient) -> Finding:
    """The bare model before an adapter was added and after it was switched off again."""
    backbone, rows = patient.policy.backbone, patient.probes
    bare = Policy(backbone)
    before = logprobs(bare, rows)
    with trial_adapter(patient.policy) as name:
        moved = (logprobs(Policy(backbone, name), rows) - before).abs().max().item()
        after = logprobs(bare, rows)
    gap = (after - before).abs().max().item()
    if gap == 0 and moved > 0:
        return ok(
            f"{len(rows)} completions: with a trial adapter log-probabilities move by up to "
            f"{moved:.2g} nats, without it again they are the same to the bit"
        )
    found = f"differ by up to {gap:.2g} nats" if gap else "did not move with the adapter on"
    return Finding(
        "problem",
        f"{len(rows)} completions: log-probabilities before and after a trial adapter {found}",
        "the reference would not be the model the policy started from, so the KL means nothing",
        "this model's layers do not go together with rather's adapters: use tuning: full or "
        "another model, and please report it",
    )


@contextmanager
def trial_adapter(policy: Policy) -> Iterator[str]:
    """An adapter of random weights on every layer, gone at the end."""
    backbone, name = policy.backbone, "trial"
    backbone.add_adapter(name, LoraShape(4, 8.0, backbone.linear_layers.names))
    try:
        generator = torch.Generator().manual_seed(0)
        for weight in backbone.adapter_parameters(name).values():
            drawn = torch.randn(weight.shape, generator=generator) * LOUD
            weight.data.copy_(drawn)
        yield name
    finally:
        backbone.remove_adapter(name)


def reference(patient: Patient) -> Finding:
    """Who the reference is: after SFT the SFT version, never the bare model."""
    sft = patient.newest("sft")
    config = patient.ws.config
    starts = {"ppo": config.ppo.start, "dpo": config.dpo.start}
    bare = [stage for stage, start in starts.items() if start == "base"]
    if bare:
        named = " and ".join(f"{stage}.start" for stage in bare)
        return Finding(
            "warning",
            f"{sft.name} is there, but {named} is base, which is policy and reference then",
            f"tuning starts from the model before SFT, and what {sft.name} learnt is lost",
            f"set {named} to {sft.name}, unless that is meant",
            place="settings",
        )
    policy = patient.policy
    if policy.adapter is None:
        return ok(f"{patient.start} is a whole model: it is policy and reference itself")
    rows = patient.probes
    moved = (logprobs(policy, rows) - logprobs(Policy(policy.backbone), rows)).abs().max().item()
    if moved > 0:
        return ok(
            f"the reference is the adapter {policy.adapter}, which is {moved:.2g} nats a token at "
            "most from the bare model"
        )
    return Finding(
        "problem",
        f"the adapter {policy.adapter} gives the bare model's log-probabilities",
        "SFT learnt nothing, or the adapter is not in force, so the reference is the bare model",
        "look at the loss of the SFT run, and train it again",
    )


def packing(patient: Patient) -> Finding:
    """Log-probabilities of completions alone, and packed with others."""
    rows, policy = patient.probes, patient.policy
    if len(rows) < 2:
        raise NotYet("there is only one completion; `rather sample` makes more")
    alone = torch.cat([logprobs(policy, [row]) for row in rows])
    gaps = (logprobs(policy, rows) - alone).abs()
    found = (
        f"{len(rows)} completions: log-probabilities alone and packed with others differ by "
        f"{gaps.max().item():.1g} nats at most ({running_on(patient)})"
    )
    return rounding_only(
        gaps, policy.backbone, found, "a result would depend on what it is computed beside"
    )


def rounding_only(gaps: Tensor, backbone: Backbone, found: str, means: str) -> Finding:
    """Well where gaps are no more than sums in another order make of this precision."""
    if is_rounding(gaps, next(backbone.model.parameters()).dtype):
        return ok(found)
    mend = "set dtype: float32; if that changes nothing, please report it with the model's name"
    return Finding("problem", found, means, mend)


def is_rounding(gaps: Tensor, dtype: torch.dtype) -> bool:
    """Whether absolute gaps are what this precision makes of sums in another order."""
    limit = FLOAT32 if dtype == torch.float32 else BFLOAT16
    return gaps.max().item() <= limit and gaps.mean().item() <= ON_AVERAGE * limit


def logprobs(policy: Policy, rows: list[Row], temperature: float = 1.0) -> Tensor:
    """log π of every real completion token of the rows, end to end: [M] on the CPU."""
    device = policy.backbone.device
    found = token_table(
        lambda batch: policy.logprobs(batch, temperature), rows, TOKENS_TOGETHER, device
    )
    return found[_mask(rows)]


def _mask(rows: list[Row]) -> Tensor:
    lengths = torch.tensor([len(one) for row in rows for one in row.completions])
    return torch.arange(int(lengths.max())) < lengths[:, None]


CHECKS = (
    Check(
        "roles", "adapters off", "Is the model without adapters the model as it was?", adapters_off
    ),
    Check("roles", "reference", "Is the reference what tuning starts from?", reference),
    Check("roles", "packing", "Do log-probabilities depend on what is beside?", packing),
)
