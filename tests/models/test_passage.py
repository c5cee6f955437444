"""Architectures that cannot be packed: a sequence a completion, and the numbers of transformers."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.passage import Packed, Unpacked
from rather.models.roles import Policy

Loud = Callable[..., str]
PADDED = ["lfm2", "gpt_oss", "diffllama", "bloom", "mamba", "falcon_h1", "recurrent_gemma"]


def test_every_completion_has_its_own_copy_of_the_prompt() -> None:
    batch = pack([Row((10, 11), ((12,), (13, 14))), Row((20,), ((21, 22),))])
    unpacked = Unpacked(batch)
    assert unpacked.inputs()["input_ids"].tolist() == [
        [10, 11, 12, 10],  # what follows the end is never read
        [10, 11, 13, 14],
        [20, 21, 22, 10],
    ]
    assert unpacked.home.tolist() == [0, 1, 2, 6, 7, 8, 9, 10]


def test_a_prompt_without_completions_is_a_sequence_too() -> None:
    unpacked = Unpacked(pack([Row((10, 11), ()), Row((20,), ((21,),))]))
    assert unpacked.inputs()["input_ids"].tolist() == [[10, 11], [20, 21]]


@pytest.mark.parametrize("way", [Packed, Unpacked])
def test_collect_undoes_spread(way: type[Packed] | type[Unpacked], rows: list[Row]) -> None:
    batch = pack(rows)
    states = torch.arange(batch.num_tokens * 2.0).view(-1, 2)
    passage = way(batch)
    assert torch.equal(passage.collect(passage.spread(states)), states)


@pytest.mark.parametrize("family", PADDED)
def test_logprobs_are_those_of_one_text_at_a_time(
    family: str,
    new_model: Callable[[str], PreTrainedModel],
    rows: list[Row],
    separate_logprobs: Callable[[PreTrainedModel, Sequence[Row]], list[Tensor]],
) -> None:
    with torch.no_grad():
        expected = separate_logprobs(new_model(family), rows)
        found = Policy(Backbone(new_model(family))).logprobs(pack(rows))
    for row, truth in zip(found, expected, strict=True):
        assert row[: len(truth)] == pytest.approx(truth, abs=2e-5)


@pytest.mark.parametrize("family", ["lfm2", "bloom", "mamba"])
def test_gradients_are_those_of_one_text_at_a_time(
    family: str, new_model: Callable[[str], PreTrainedModel], rows: list[Row], loud: Loud
) -> None:
    backbone = Backbone(new_model(family))
    policy = Policy(backbone, loud(backbone))
    learnt = backbone.adapter_parameters("loud")
    for parameter in learnt.values():
        parameter.requires_grad_(True)
    policy.logprobs(pack(rows)).sum().backward()
    together = {name: p.grad.clone() for name, p in learnt.items() if p.grad is not None}
    assert together.keys() == learnt.keys()
    for parameter in learnt.values():
        parameter.grad = None
    for row in rows:
        for completion in row.completions:
            policy.logprobs(pack([Row(row.prompt_ids, (completion,))])).sum().backward()
    for name, parameter in learnt.items():
        size = together[name].abs().max()
        assert torch.allclose(together[name], parameter.grad, atol=2e-5 * float(size)), name


@pytest.mark.parametrize("family", ["bloom", "recurrent_gemma"])
def test_a_full_copy_is_padded_too(
    family: str, new_model: Callable[[str], PreTrainedModel], rows: list[Row]
) -> None:
    backbone = Backbone(new_model(family))
    twin = backbone.trainable_copy()
    assert twin.why_padded == backbone.why_padded is not None
    batch = pack(rows)
    assert torch.equal(twin.hidden(batch, None), backbone.hidden(batch, None))
