"""Rollouts: every tensor in its shape, masked places 0, and the same numbers however it is cut."""

from collections.abc import Sequence

import pytest
import torch

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.lora import LoraShape
from rather.models.roles import Policy, RewardModel, ValueModel
from rather.records import Message, Prompt
from rather.rollout.local import Request, Settings
from rather.rollout.rollout import (
    Roles,
    Rollout,
    collect,
    completions_of,
    score_rows,
    sequence_logprobs,
)

STOPS = tuple(range(60))
REQUESTS = [Request((7, 8, 9), (1, 2)), Request((20, 21), (3,)), Request((30,) * 9, (4, 5, 6))]
PROMPTS = [Prompt(f"p{n}", (Message("user", str(n)),), "train") for n in range(3)]
ROWS = [Row((7, 8), ((9, 10), (11,))), Row((5,), ((6, 7, 8, 9),)), Row((4, 4, 4), ((8,), (9,)))]


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


def rolled(backbone: Backbone, tokens: int = 4096, adapter: str | None = None) -> Rollout:
    cast = roles(backbone, adapter)
    sampled = cast.sampler(cast.policy, REQUESTS, Settings(0.8, 7, STOPS), lambda tokens: None)
    return collect(cast, PROMPTS, list(zip(REQUESTS, sampled, strict=True)), 0.8, tokens)


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


def test_sequence_logprobs_are_sums_over_the_completion(tiny_backbone: Backbone) -> None:
    policy = Policy(tiny_backbone)
    found = sequence_logprobs(policy, ROWS, microbatch_tokens=16, temperatures=(2.0, 0.5))
    # a completion's probability is the product of its tokens', each asked for on its own
    for row, places in zip(ROWS, ((0, 1), (2,), (3, 4)), strict=True):
        for place, completion in zip(places, row.completions, strict=True):
            total = torch.zeros(2)
            for t, token in enumerate(completion):
                single = Row((*row.prompt_ids, *completion[:t]), ((token,),))
                with torch.no_grad():
                    total[0] += policy.logprobs(pack([single]), 2.0).item()
                    total[1] += policy.logprobs(pack([single]), 0.5).item()
            assert found[:, place].tolist() == pytest.approx(total.tolist(), abs=1e-4)


def test_scores_come_back_in_their_rows(tiny_backbone: Backbone) -> None:
    head = ScalarHead(tiny_backbone.hidden_size, seed=2).requires_grad_(False)
    model = RewardModel(tiny_backbone, None, head, "last")
    together = score_rows(model, ROWS, microbatch_tokens=4096)
    assert [len(row) for row in together] == [2, 1, 2]
    for row, scores in zip(ROWS, together, strict=True):
        for completion, score in zip(row.completions, scores, strict=True):
            ((alone,),) = score_rows(model, [Row(row.prompt_ids, (completion,))], 16)
            assert alone == pytest.approx(score, abs=1e-5)
    assert score_rows(model, [], 16) == []


def test_places_of_completions() -> None:
    # rows of 2, 1 and 2 completions lie at 0-1, 2 and 3-4
    assert completions_of(ROWS, [2, 0]) == [3, 4, 0, 1]
    assert completions_of(ROWS, []) == []
