"""Rollouts: every tensor in its shape, masked places 0, and the same numbers however it is cut."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from rather.data.batch import Batch, Row
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.lora import LoraShape
from rather.models.roles import Policy, ValueModel
from rather.records import Message, Prompt
from rather.rollout.local import Request, Settings
from rather.rollout.rollout import Looking, OpenLooks, Roles, Rollout, collect
from rather.rollout.tables import token_table

STOPS = tuple(range(60))
LOOKING = Looking(0.8, 4096)
REQUESTS = [Request((7, 8, 9), (1, 2)), Request((20, 21), (3,)), Request((30,) * 9, (4, 5, 6))]
PROMPTS = [Prompt(f"p{n}", (Message("user", str(n)),), "train") for n in range(3)]


def lengths_as_scores(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
    assert [prompt.id for prompt in prompts] == ["p0", "p1", "p2"]
    return [[float(len(completion)) for completion in row.completions] for row in rows]


def roles(backbone: Backbone, adapter: str | None = None) -> Roles:
    head = ScalarHead(backbone.hidden_size, seed=1)
    return Roles(
        Policy(backbone, adapter),
        Policy(backbone),
        ValueModel(backbone, None, head.requires_grad_(False)),
        lengths_as_scores,
    )


def rolled(
    backbone: Backbone,
    tokens: int = 4096,
    adapter: str | None = None,
    open_looks: OpenLooks | None = None,
) -> Rollout:
    cast, looking = roles(backbone, adapter), Looking(0.8, tokens, open_looks)
    sampled = cast.sampler(cast.policy, REQUESTS, Settings(0.8, 7, STOPS), lambda tokens: None)
    return collect(cast, PROMPTS, list(zip(REQUESTS, sampled, strict=True)), looking)


def loud_adapter(backbone: Backbone, top_only: bool = False) -> str:
    names = backbone.linear_layers.select("all-linear", 1 if top_only else None)
    backbone.add_adapter("loud", LoraShape(4, 8.0, names), seed=3)
    generator = torch.Generator().manual_seed(4)
    for parameter in backbone.adapter_parameters("loud").values():
        parameter.data.normal_(0.0, 0.3, generator=generator)
    return "loud"


def test_shapes_and_masked_places(tiny_backbone: Backbone) -> None:
    rollout = rolled(tiny_backbone)
    assert [len(row.completions) for row in rollout.rows] == [2, 1, 3]
    lengths = [len(completion) for row in rollout.rows for completion in row.completions]
    assert rollout.lengths.tolist() == lengths
    assert len(set(lengths)) > 1
    assert rollout.scores.tolist() == [float(length) for length in lengths]
    ends = [completion[-1] in STOPS for row in rollout.rows for completion in row.completions]
    assert rollout.stopped.tolist() == ends
    for name in ("logprobs", "sampler_logprobs", "ref_logprobs", "values"):
        tensor = getattr(rollout, name)
        assert tensor.shape == rollout.completion_mask.shape == (6, max(lengths))
        assert not tensor[~rollout.completion_mask].any()
        assert tensor[rollout.completion_mask].all()  # no real place was forgotten
        assert not tensor.requires_grad


def test_kl_is_exactly_0_before_the_first_update(tiny_backbone: Backbone) -> None:
    names = tiny_backbone.linear_layers.names
    tiny_backbone.add_adapter("new", LoraShape(4, 8.0, names), seed=3)
    rollout = rolled(tiny_backbone, adapter="new")
    assert torch.equal(rollout.logprobs, rollout.ref_logprobs)
    assert torch.allclose(rollout.sampler_logprobs, rollout.logprobs, atol=1e-4)


@pytest.mark.parametrize("top_only", [False, True])
def test_an_adapter_is_what_samples(tiny_backbone: Backbone, top_only: bool) -> None:
    rollout = rolled(tiny_backbone, adapter=loud_adapter(tiny_backbone, top_only))
    assert torch.allclose(rollout.sampler_logprobs, rollout.logprobs, atol=1e-4)
    assert (rollout.logprobs - rollout.ref_logprobs).abs().max() > 0.1


@pytest.mark.parametrize("top_only", [False, True])
def test_microbatches_change_nothing(tiny_backbone: Backbone, top_only: bool) -> None:
    adapter = loud_adapter(tiny_backbone, top_only)
    whole, cut = (rolled(tiny_backbone, tokens, adapter) for tokens in (4096, 16))
    for name in ("logprobs", "ref_logprobs", "values"):
        assert torch.allclose(getattr(whole, name), getattr(cut, name), atol=1e-5), name


@pytest.mark.parametrize("top_only", [False, True])
def test_the_policy_s_first_pass_stays_open(tiny_backbone: Backbone, top_only: bool) -> None:
    adapter = loud_adapter(tiny_backbone, top_only)
    learning = tiny_backbone.adapter_parameters(adapter)
    for parameter in learning.values():
        parameter.requires_grad_(True)
    closed, opened = rolled(tiny_backbone, 24, adapter), OpenLooks()
    rollout = rolled(tiny_backbone, 24, adapter, opened)
    assert torch.equal(rollout.logprobs, closed.logprobs)
    assert not rollout.logprobs.requires_grad
    ((places, look),) = opened.items()  # the longest rows' pass, of several
    assert 0 < len(places) < 6
    width = look.logprobs.shape[1]
    assert torch.equal(look.logprobs.detach(), rollout.logprobs[list(places), :width])
    look.logprobs.sum().backward()
    assert all(parameter.grad is not None for parameter in learning.values())


def test_a_critic_on_the_trunk_reads_the_policy_s_own_pass(
    tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = loud_adapter(tiny_backbone)
    cast = roles(tiny_backbone, adapter)
    assert cast.value is not None
    on_trunk = replace(cast, value=replace(cast.value, adapter=adapter))
    sampled = cast.sampler(cast.policy, REQUESTS, Settings(0.8, 7, STOPS), lambda tokens: None)
    drawn = list(zip(REQUESTS, sampled, strict=True))
    passes: list[str | None] = []
    hidden = Backbone.hidden

    def counted(self: Backbone, batch: Batch, adapter: str | None, *rest: Any, **more: Any) -> Any:
        passes.append(adapter)
        return hidden(self, batch, adapter, *rest, **more)

    monkeypatch.setattr(Backbone, "hidden", counted)
    rollout = collect(on_trunk, PROMPTS, drawn, LOOKING)
    assert passes == [None, "loud"]
    assert on_trunk.value is not None
    alone = token_table(on_trunk.value.values, rollout.rows, 4096, tiny_backbone.device)
    assert rollout.values is not None
    assert torch.equal(rollout.values, alone)
    assert not torch.allclose(rollout.values, collect(cast, PROMPTS, drawn, LOOKING).values)
