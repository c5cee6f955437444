"""Weights in 4 bits: as if they were what they are spread out into, in a quarter of the room."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rather.config.optimization import Adapter
from rather.data.batch import Row, pack
from rather.errors import UsageError
from rather.models.backbone import Backbone
from rather.models.library import load_backbone
from rather.models.roles import Policy
from rather.models.storage.four_bits import FourBitLinear, keep_in_four_bits
from rather.models.tuning import start_tuning
from rather.rollout.local import Request, Settings, sample

ROWS = [Row((10, 11, 12), ((20, 21), (30, 31, 32))), Row((13,), ((40,),))]


@pytest.fixture
def packed(tiny_model: Path) -> Backbone:
    backbone = load_backbone(tiny_model, torch.float32, "cpu")
    keep_in_four_bits(backbone, "cpu")
    return backbone


@pytest.fixture
def spread_out(tiny_model: Path, packed: Backbone) -> Backbone:
    """A plain backbone that has the weights the packed one is spread out into."""
    backbone = load_backbone(tiny_model, torch.float32, "cpu")
    with torch.no_grad():
        for name in packed.linear_layers.names:
            layer = backbone.model.get_submodule(name)
            layer.weight.copy_(packed.model.get_submodule(name).weight)  # type: ignore[operator, arg-type]
    return backbone


def learnt(backbone: Backbone) -> tuple[Tensor, dict[str, Tensor]]:
    """Log-probabilities under an adapter that has learnt a little, and its gradients."""
    tuned = start_tuning(Policy(backbone), "learning", Adapter(rank=4, alpha=8.0), seed=0)
    policy = Policy(backbone, tuned.adapter)
    for _ in range(2):
        logprobs = policy.logprobs(pack(ROWS))
        (-logprobs.sum()).backward()  # type: ignore[no-untyped-call]
        gradients = {name: one.grad for name, one in tuned.parameters.items()}
        with torch.no_grad():
            for one in tuned.parameters.values():
                assert one.grad is not None
                one -= 0.01 * one.grad
                one.grad = None
    return logprobs.detach(), {name: one for name, one in gradients.items() if one is not None}


def test_it_computes_and_learns_as_its_weights_spread_out(
    packed: Backbone, spread_out: Backbone
) -> None:
    said, gradients = learnt(packed)
    expected, others = learnt(spread_out)
    assert torch.equal(said, expected)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        assert torch.equal(gradient, others[name]), name


def test_a_weight_takes_little_more_than_half_a_byte() -> None:
    layer = nn.Linear(512, 1024, bias=False, dtype=torch.bfloat16)
    small = FourBitLinear(layer, "cpu")
    state = small._state
    held = sum(
        one.numel() * one.element_size()
        for one in (small.packed, state.absmax, state.state2.absmax, state.offset)
    )
    assert held < 0.53 * layer.weight.numel()  # 4 bits, 8 for each 64, and 32 for each 16384
    assert small.weight.dtype == torch.bfloat16
    # NormalFloat's sixteen values are at most 0.152 apart from what lies between, of the largest
    assert (small.weight - layer.weight).abs().max() < 0.16 * layer.weight.abs().max()


def test_it_samples(packed: Backbone, spread_out: Backbone) -> None:
    requests = [Request((10, 11), (3, 4))]
    settings = Settings(1.0, 6, (2,))
    drawn = [sample(one, None, requests, settings) for one in (packed, spread_out)]
    assert [one.ids for one in drawn[0][0]] == [one.ids for one in drawn[1][0]]


def test_what_lies_in_four_bits_never_learns(packed: Backbone) -> None:
    with pytest.raises(UsageError, match="dtype: 4bit keeps weights that never learn"):
        start_tuning(Policy(packed), "learning", Adapter(tuning="full"), seed=0)


def test_every_stage_takes_it(commands: Any, new_root: Callable[[], Path]) -> None:
    root = new_root()
    for stage in ("sft", "ppo"):
        ended = commands(*commands.of(stage, root), "--dtype=4bit")
        assert ended.code == 0, ended.said
