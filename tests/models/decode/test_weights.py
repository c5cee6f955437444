"""Products for decoding give the numbers of the plain layers, and leave no trace."""

import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from mmap import PAGESIZE
from pathlib import Path

import pytest
import torch
import transformers as hf
from torch import Tensor, nn
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.decode.weights import USUAL_ROWS, DecodeWeights, LaidOut, _lay_out
from rather.models.library import load_backbone
from rather.models.linear import FastHead, FastLinear
from rather.models.lora import LoraShape
from rather.models.processor import products
from tests.models.conftest import FAMILIES, build

HAS_UNITS = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
needs_units = pytest.mark.skipif(not HAS_UNITS, reason="the processor has no bfloat16 products")
BATCH = pack([Row((5, 6, 7), ((8, 9), (10,))), Row((11,), ((12, 13, 14),))])
Loud = Callable[..., str]


@contextmanager
def decoding(backbone: Backbone, *, lays_out_for: int = USUAL_ROWS) -> Iterator[DecodeWeights]:
    weights = DecodeWeights(backbone, lays_out_for=lays_out_for)
    with torch.inference_mode(), weights.in_use():
        yield weights


def taken_over(backbone: Backbone) -> int:
    """Linear layers that somebody else computes for."""
    linear = (m for m in backbone.model.modules() if hasattr(m, "base") or isinstance(m, nn.Linear))
    forwards = (vars(module).get("forward") for module in linear)
    return sum(not isinstance(one, (FastLinear, FastHead, type(None))) for one in forwards)


@pytest.mark.parametrize("adapter", [None, "loud"])
@pytest.mark.parametrize("family", FAMILIES)
def test_joined_products_are_the_layers_own(
    family: str, adapter: str | None, new_model: Callable[[str], PreTrainedModel], loud: Loud
) -> None:
    backbone = Backbone(new_model(family))
    loud(backbone)
    with torch.no_grad():
        expected = backbone.hidden(BATCH, adapter)
    with decoding(backbone):
        found = backbone.hidden(BATCH, adapter)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)


def test_an_adapter_on_some_of_the_joined_layers(tiny_backbone: Backbone) -> None:
    targets = ("model.layers.0.self_attn.k_proj", "model.layers.1.mlp.gate_proj")
    tiny_backbone.add_adapter("some", LoraShape(4, 6.0, targets), 1)
    with torch.no_grad():
        for parameter in tiny_backbone.adapter_parameters("some").values():
            parameter.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(2))
        bare, expected = (tiny_backbone.hidden(BATCH, name) for name in (None, "some"))
    with decoding(tiny_backbone):
        found = tiny_backbone.hidden(BATCH, "some")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (expected - bare).abs().max() > 0.05


@needs_units
@pytest.mark.parametrize("adapter", [None, "loud"])
def test_weights_laid_out_in_half_precision(
    tiny_model: Path, loud: Loud, adapter: str | None
) -> None:
    half = load_backbone(tiny_model, torch.bfloat16, "cpu")
    loud(half)
    with torch.no_grad():
        expected = half.logits(half.hidden(BATCH, adapter))
    with decoding(half) as weights:
        found = half.logits(half.hidden(BATCH, adapter))
        # per layer q·k·v, o, gate·up, down; and the head
        assert [type(p.laid_out) for p in weights._products] == [LaidOut] * (2 * 4 + 1)
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0.03)
    with decoding(half, lays_out_for=0) as weights:
        assert {p.laid_out for p in weights._products} == {None}


@needs_units
def test_biases_are_laid_out_too(new_model: Callable[[str], PreTrainedModel]) -> None:
    half = Backbone(new_model("qwen2").to(torch.bfloat16))  # q, k and v have biases, o has none
    with torch.no_grad():
        expected = half.hidden(BATCH, None)
    with decoding(half):
        found = half.hidden(BATCH, None)
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0.03)


@needs_units
@pytest.mark.parametrize("bias", [None, 0.6015625])
def test_many_rows_are_multiplied_in_float32_where_that_is_faster(
    bias: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = nn.Linear(2, 40, bias=bias is not None).bfloat16().requires_grad_(False)
    layer.weight.fill_(1)
    if layer.bias is not None:
        layer.bias.fill_(bias)
    laid_out = _lay_out([layer], torch.bfloat16)
    rows = torch.tensor([256, 0.6015625]).bfloat16().expand(products.ROWS, 2)
    used: list[Tensor] = []
    widened = products.widened
    monkeypatch.setattr(products, "widened", lambda x, y: used.append(y) or widened(x, y))
    for prefers, few in ((True, False), (True, True), (False, False)):
        monkeypatch.setattr(products, "prefers_float32", lambda prefers=prefers: prefers)
        made = laid_out(rows[1:] if few else rows)
        assert made.dtype == torch.bfloat16
        # 256.6 and 257.2: between 256 and 258
        assert made.unique().item() == (256 if bias is None else 258)
    assert [one.dtype for one in used] == [torch.float32]


@needs_units
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is mapped")
def test_weights_in_their_file_are_in_memory_once(tmp_path: Path) -> None:
    """Of 1.5 MB of a layer's weights little more than the ends stays, and no number changes."""
    sizes = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 1}
    config = hf.LlamaConfig(**sizes, vocab_size=32, num_attention_heads=4, num_key_value_heads=2)
    build(config).to(torch.bfloat16).save_pretrained(tmp_path)
    half = load_backbone(tmp_path, torch.bfloat16, "cpu")
    linear = [half.model.get_submodule(name) for name in half.linear_layers.names]
    with torch.no_grad():
        expected = half.hidden(BATCH, None)
        before = sum(in_memory(layer.weight) for layer in linear)  # type: ignore[arg-type]
    assert before == sum(layer.weight.nbytes for layer in linear)  # type: ignore[misc, operator]
    with decoding(half):
        inside = sum(in_memory(layer.weight) for layer in linear)  # type: ignore[arg-type]
        found = half.hidden(BATCH, None)
    assert inside < before / 10
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0.03)
    with torch.no_grad():
        assert torch.equal(half.hidden(BATCH, None), expected)


def in_memory(weight: Tensor) -> int:
    """Bytes of a weight that are in this process's memory, by the system's table of its pages."""
    first, size = weight.data_ptr() // PAGESIZE, PAGESIZE
    last = (weight.data_ptr() + weight.nbytes - 1) // size
    with Path("/proc/self/pagemap").open("rb", buffering=0) as table:
        table.seek(8 * first)
        entries = struct.unpack(f"<{last - first + 1}Q", table.read(8 * (last - first + 1)))
    here = [page for page, entry in enumerate(entries, start=first) if entry >> 63]
    ends = weight.data_ptr(), weight.data_ptr() + weight.nbytes
    return sum(min(ends[1], (p + 1) * size) - max(ends[0], p * size) for p in here)


def test_each_row_has_its_own_adapter(tiny_backbone: Backbone, loud: Loud) -> None:
    loud(tiny_backbone, "one", 1)
    loud(tiny_backbone, "two", 2)
    layer = tiny_backbone.model.get_submodule("model.layers.0.self_attn.q_proj")
    x = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    switch = layer.switch  # type: ignore[attr-defined]
    apart: dict[str | None, Tensor] = {}
    with torch.no_grad():
        for name in (None, "one", "two"):
            switch.active = name
            apart[name] = layer(x)
    switch.active, switch.rows = None, {"one": torch.tensor([0, 3]), "two": torch.tensor([4])}
    with decoding(tiny_backbone):
        found = layer(x)
    expected = apart[None].clone()
    expected[[0, 3]], expected[4] = apart["one"][[0, 3]], apart["two"][4]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (apart["one"] - apart[None]).abs().max() > 0.1
    with torch.no_grad(), pytest.raises(AssertionError, match="only DecodeWeights"):
        layer(x)


def test_adapters_may_come_and_go(tiny_backbone: Backbone, loud: Loud) -> None:
    weights = DecodeWeights(tiny_backbone, lays_out_for=USUAL_ROWS)
    for names in (["one"], ["one", "two"], ["two"]):
        for name in names:
            if name not in tiny_backbone.shapes:
                loud(tiny_backbone, name, len(name) + len(tiny_backbone.shapes))
        for name in set(tiny_backbone.shapes) - set(names):
            tiny_backbone.remove_adapter(name)
        for name in (None, *names):
            with torch.no_grad():
                expected = tiny_backbone.hidden(BATCH, name)
            with torch.inference_mode(), weights.in_use():
                found = tiny_backbone.hidden(BATCH, name)
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_everything_is_put_back_after_an_error(tiny_backbone: Backbone) -> None:
    with pytest.raises(KeyboardInterrupt), decoding(tiny_backbone):
        assert taken_over(tiny_backbone) == 2 * 7 + 1
        raise KeyboardInterrupt
    assert taken_over(tiny_backbone) == 0


def test_a_layer_that_is_given_another_input_computes_for_itself(tiny_backbone: Backbone) -> None:
    attention = tiny_backbone.model.get_submodule("model.layers.0.self_attn")
    x, y = torch.randn(2, 3, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = attention.q_proj(x), attention.k_proj(y), attention.v_proj(x)  # type: ignore[operator]
    with decoding(tiny_backbone):
        found = attention.q_proj(x), attention.k_proj(y), attention.v_proj(x)  # type: ignore[operator]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)
