"""Layers whose products are made in float32: as exact as before, wherever a gradient goes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.decode.weights import DecodeWeights, LaidOut
from rather.models.linear import FastHead, FastLinear
from rather.models.lora import LoraShape
from rather.models.processor import products
from rather.models.roles import Policy

HAS_UNITS = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
NewModel = Callable[[str], PreTrainedModel]
BATCH = pack([Row(tuple(range(5, 65)), (tuple(range(40)), tuple(range(90, 150))))])
"""160 tokens, 100 of which are predicted."""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is faster in float32; chunks of the head are of many rows here too."""
    monkeypatch.setattr(products, "prefers_float32", lambda: True)
    monkeypatch.setattr(products, "ROWS", 64)


def fast_forwards(backbone: Backbone) -> tuple[int, int]:
    own = [vars(module).get("forward") for module in backbone.model.modules()]
    return tuple(sum(isinstance(f, kind) for f in own) for kind in (FastLinear, FastHead))  # type: ignore[return-value]


def looks(
    model: PreTrainedModel, targets: tuple[str, ...] | str, *, learns: bool
) -> dict[str, Tensor]:
    """Log-probabilities with an adapter, and its gradients."""
    backbone = Backbone(model)
    names = backbone.linear_layers.select(targets, None)
    backbone.add_adapter("a", LoraShape(2, 4.0, names))
    generator = torch.Generator().manual_seed(0)
    for parameter in backbone.adapter_parameters("a").values():
        parameter.data.normal_(0, 0.1, generator=generator)
        parameter.requires_grad_(learns)
    with torch.set_grad_enabled(learns):
        logprobs = Policy(backbone, "a").logprobs(BATCH)
    if not learns:
        return {"logprobs": logprobs}
    logprobs.sum().backward()
    grads = {n: p.grad for n, p in backbone.adapter_parameters("a").items() if p.grad is not None}
    return {"logprobs": logprobs.detach(), **grads}


def distance(found: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, float]:
    """Of each tensor: how far it is off, in parts of its size."""
    assert found.keys() == expected.keys()
    return {
        name: float((found[name].float() - one).norm() / one.norm())
        for name, one in expected.items()
    }


@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize(
    ("family", "targets"),
    [
        ("llama", "all-linear"),
        ("llama", ("o_proj", "up_proj")),
        ("qwen2", "all-linear"),
        ("gemma2", "all-linear"),
        ("gpt2", "all-linear"),
    ],
)
def test_numbers_are_no_further_from_float32_s(
    family: str,
    targets: tuple[str, ...] | str,
    learns: bool,
    new_model: NewModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact = looks(new_model(family), targets, learns=learns)
    found = distance(looks(new_model(family).bfloat16(), targets, learns=learns), exact)
    monkeypatch.setattr(products, "prefers_float32", lambda: False)
    before = distance(looks(new_model(family).bfloat16(), targets, learns=learns), exact)
    assert sum(found.values()) <= 1.1 * sum(before.values())
    assert max(found.values()) < 0.1  # bfloat16 has eight binary digits
    assert found != before  # other sums were made


@pytest.mark.parametrize(("family", "layers"), [("llama", 14), ("gpt2", 0)])
def test_which_layers_get_another_forward(
    family: str, layers: int, new_model: NewModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fast_forwards(Backbone(new_model(family))) == (layers, 1)
    monkeypatch.setattr(products, "prefers_float32", lambda: False)
    assert fast_forwards(Backbone(new_model(family))) == (0, 0)


def test_a_layer_that_learns_itself_keeps_its_forward(new_model: NewModel) -> None:
    twin = Backbone(new_model("llama").bfloat16()).trainable_copy()
    Policy(twin).logprobs(BATCH).sum().backward()
    learnt = {name: p.grad for name, p in twin.model.named_parameters()}
    assert all(grad is not None and grad.dtype == torch.float32 for grad in learnt.values())


def test_few_rows_are_multiplied_as_they_are() -> None:
    layer = nn.Linear(4, 3, bias=False).bfloat16().requires_grad_(False)
    x = torch.randn(2, 1, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.equal(FastLinear(layer)(x), layer(x))
    assert torch.equal(FastHead(layer)(x), layer(x))


@pytest.mark.parametrize(
    ("rows", "memory", "dtype"),
    [(96, 1 << 40, torch.float32), (95, 1 << 40, torch.bfloat16), (96, 1 << 16, torch.bfloat16)],
)
def test_decoding_many_rows_lays_weights_out_in_float32_where_that_is_little(
    rows: int,
    memory: int,
    dtype: torch.dtype,
    new_model: NewModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rather.models.decode.weights.device_memory", lambda _: memory)
    half = Backbone(new_model("llama").bfloat16())
    before = fast_forwards(half)
    with torch.no_grad():
        expected = half.logits(half.hidden(BATCH, None))
    weights = DecodeWeights(half, lays_out_for=rows)
    for _ in range(2):
        with torch.inference_mode(), weights.in_use():
            found = half.logits(half.hidden(BATCH, None))
        assert fast_forwards(half) == before
    laid_out = [p.laid_out for p in weights._products if isinstance(p.laid_out, LaidOut)]
    # without bfloat16 products a processor's weights are read as they are
    assert {one.weight.dtype for one in laid_out} == ({dtype} if HAS_UNITS else set())
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0.03)
