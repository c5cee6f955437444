"""Weights that are laid out for decoding give the same numbers, for as long as that is wanted."""

from pathlib import Path

import pytest
import torch

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone, load_backbone
from rather.models.lora import LoraLinear, LoraShape
from rather.models.prepacked import PackedLinear, prepacked

HAS_UNITS = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
needs_units = pytest.mark.skipif(not HAS_UNITS, reason="the processor has no bfloat16 products")


@pytest.fixture
def half(tiny_model: Path) -> Backbone:
    backbone = load_backbone(tiny_model, torch.bfloat16, "cpu")
    backbone.add_adapter("loud", LoraShape(4, 8.0, backbone.linear_layers.names), 1)
    with torch.no_grad():
        for parameter in backbone.adapter_parameters("loud").values():
            parameter.normal_(0.0, 0.2, generator=torch.Generator().manual_seed(2))
    return backbone


def packed_layers(backbone: Backbone) -> int:
    return sum(isinstance(vars(m).get("forward"), PackedLinear) for m in backbone.model.modules())


@needs_units
@torch.inference_mode()
@pytest.mark.parametrize("adapter", [None, "loud"])
def test_the_numbers_are_those_of_the_plain_weights(half: Backbone, adapter: str | None) -> None:
    batch = pack([Row((5, 6, 7), ((8, 9), (10,))), Row((11,), ((12, 13, 14),))])
    plain = half.hidden(batch, adapter)
    logits = half.logits(plain)
    with prepacked(half):
        assert packed_layers(half) == 2 * 7 + 1  # all linear layers, and the head
        packed = half.hidden(batch, adapter)
        torch.testing.assert_close(half.logits(packed), logits, atol=0.05, rtol=0.02)
    torch.testing.assert_close(packed, plain, atol=0.05, rtol=0.02)
    assert packed_layers(half) == 0
    assert torch.equal(half.hidden(batch, adapter), plain)


@torch.inference_mode()
def test_everything_is_put_back_after_an_error(half: Backbone) -> None:
    with pytest.raises(KeyboardInterrupt), prepacked(half):
        raise KeyboardInterrupt
    assert packed_layers(half) == 0
    kept = [m.kept for m in half.model.modules() if isinstance(m, LoraLinear)]
    assert kept == [None] * 14


@torch.inference_mode()
def test_an_adapter_is_put_into_the_precision_once(half: Backbone) -> None:
    layer = next(m for m in half.model.modules() if isinstance(m, LoraLinear))
    batch = pack([Row((5, 6), ((7,),))])
    with prepacked(half):
        half.hidden(batch, "loud")
        assert layer.kept is not None
        first = layer.kept["loud"][0]
        assert first.dtype == torch.bfloat16
        half.hidden(batch, "loud")
        assert layer.kept["loud"][0] is first


def test_float32_is_read_as_it_is(tiny_backbone: Backbone) -> None:
    with prepacked(tiny_backbone):
        assert packed_layers(tiny_backbone) == 0
