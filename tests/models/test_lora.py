"""LoRA layers by hand, and which linear layers of a model are chosen."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from rather.errors import UsageError
from rather.models.backbone import Backbone
from rather.models.lora import LoraLinear, LoraShape, Switch


def by_hand(base: nn.Module) -> tuple[LoraLinear, Switch]:
    """Inputs 2, outputs 2, rank 1: A = (1, 1), B = (1, −1), scale 6/1."""
    switch = Switch()
    layer = LoraLinear(base, switch)
    layer.add("x", 1, 6.0, torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.a["x"].copy_(torch.tensor([[1.0, 1.0]]))
        layer.b["x"].copy_(torch.tensor([[1.0], [-1.0]]))
    return layer, switch


def test_the_addition_by_hand() -> None:
    linear = nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        linear.bias.copy_(torch.tensor([0.5, 0.0]))
    layer, switch = by_hand(linear)
    x = torch.tensor([[[1.0, 10.0]]])
    assert layer(x).tolist() == [[[21.5, 43.0]]]
    switch.active = "x"
    # (1 + 10)·6 = 66, to one output and from the other
    assert layer(x).tolist() == [[[87.5, -23.0]]]
    switch.active = "another"
    assert layer(x).tolist() == [[[21.5, 43.0]]]


def test_gpt_2_s_transposed_layers_have_their_shape() -> None:
    base = Conv1D(nf=6, nx=4)  # 4 inputs, 6 outputs
    layer = LoraLinear(base, Switch("x"))
    layer.add("x", 2, 4.0, torch.Generator().manual_seed(0))
    assert (layer.a["x"].shape, layer.b["x"].shape) == ((2, 4), (6, 2))
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(x), base(x))


def test_a_starts_uniform_and_b_at_zero() -> None:
    layer = LoraLinear(nn.Linear(100, 7), Switch())
    layer.add("x", 50, 1.0, torch.Generator().manual_seed(0))
    a = layer.a["x"]
    # uniform on ±√(1/100): never beyond 0.1, standard deviation 0.1/√3 = 0.0577
    assert a.abs().max() <= 0.1
    assert a.std().item() == pytest.approx(0.0577, rel=0.05)
    assert not layer.b["x"].any()


def test_the_seed_is_all_that_counts(tiny_backbone: Backbone) -> None:
    shape = LoraShape(4, 8.0, tiny_backbone.linear_layers.names)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.manual_seed(seed * 77)
        tiny_backbone.add_adapter(name, shape, seed)
    a, b, c = (list(tiny_backbone.adapter_parameters(name).values()) for name in "abc")
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(a[0], c[0])
    # one generator for all layers: no two of them start alike
    assert not torch.equal(a[0], a[2])


def test_a_half_precision_layer_adds_in_its_own_precision() -> None:
    layer = LoraLinear(nn.Linear(4, 4).bfloat16(), Switch("x"))
    layer.add("x", 2, 4.0, torch.Generator().manual_seed(0))
    assert layer.a["x"].dtype == torch.float32
    assert layer(torch.ones(1, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_the_layers_of_a_llama(tiny_backbone: Backbone) -> None:
    layout = tiny_backbone.linear_layers
    assert layout.num_layers == 2
    assert layout.names[:7] == (
        "model.layers.0.self_attn.q_proj",
        "model.layers.0.self_attn.k_proj",
        "model.layers.0.self_attn.v_proj",
        "model.layers.0.self_attn.o_proj",
        "model.layers.0.mlp.gate_proj",
        "model.layers.0.mlp.up_proj",
        "model.layers.0.mlp.down_proj",
    )
    assert len(layout.names) == 14  # neither the head nor the embedding


def test_the_layers_of_gpt_2(new_model: Callable[[str], PreTrainedModel]) -> None:
    assert Backbone(new_model("gpt2")).linear_layers.names[4:] == (
        "transformer.h.1.attn.c_attn",
        "transformer.h.1.attn.c_proj",
        "transformer.h.1.mlp.c_fc",
        "transformer.h.1.mlp.c_proj",
    )


def test_layers_are_chosen_by_name_and_height(tiny_backbone: Backbone) -> None:
    layout = tiny_backbone.linear_layers
    assert layout.select("all-linear", None) == layout.names
    assert layout.select(("q_proj", "up_proj"), 1) == (
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.mlp.up_proj",
    )
    assert len(layout.select("all-linear", 2)) == 14
    with pytest.raises(UsageError, match=r"num_top_layers is 3, but the model has 2 layers"):
        layout.select("all-linear", 3)
    with pytest.raises(UsageError, match="no linear layer named lm_head, w1; it has down_proj"):
        layout.select(("w1", "q_proj", "lm_head"), None)
