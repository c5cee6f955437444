"""The one way through the network: adapters do not disturb, wrong numbers are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers as hf

from rather.data.batch import Row, pack
from rather.errors import UsageError
from rather.models.backbone import Backbone
from rather.models.library import load_backbone
from rather.models.lora import LoraShape

Loud = Callable[..., str]
WITH_FEED_FORWARD = ["llama", "qwen2", "gemma2", "gpt_neox", "gpt2", "deepseek_v3", "cohere"]
PADDED = {
    "lfm2": "some of its layers are not plain attention (conv)",
    "gpt_oss": "GptOssAttention has its own masks or attention sinks",
    "diffllama": "some of its layers are not plain attention",
    "bloom": "its attention cannot be replaced",
    "mamba": "its attention cannot be replaced",
}


@pytest.mark.parametrize("family", PADDED)
def test_what_packing_would_get_wrong_is_padded_and_says_why(
    family: str, new_model: Callable[[str], hf.PreTrainedModel]
) -> None:
    model = new_model(family)
    own = model.config._attn_implementation
    assert Backbone(model).why_padded == PADDED[family]
    assert model.config._attn_implementation == own


def test_loading_says_that_a_model_is_padded(
    new_model: Callable[[str], hf.PreTrainedModel], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new_model("bloom").save_pretrained(tmp_path)
    load_backbone(tmp_path, torch.float32, "cpu")
    assert caplog.messages == [
        "BloomForCausalLM runs padded, which is slower than packed: its attention cannot be "
        "replaced."
    ]


def test_an_encoder_is_refused() -> None:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
    config = hf.BertConfig(vocab_size=99, num_hidden_layers=1, is_decoder=True, **sizes)
    with pytest.raises(UsageError, match="BertModel has no stack of layers"):
        Backbone(hf.AutoModelForCausalLM.from_config(config))


def test_logits_made_in_an_unknown_way_are_refused(
    new_model: Callable[[str], hf.PreTrainedModel],
) -> None:
    model = new_model("llama")
    model.config.final_logit_softcapping = 0.5  # which its own module does not read
    with pytest.raises(UsageError, match="LlamaForCausalLM makes its logits in a way"):
        Backbone(model)


def test_a_backbone_is_frozen_and_known(tiny_backbone: Backbone) -> None:
    assert not any(p.requires_grad for p in tiny_backbone.model.parameters())
    assert not tiny_backbone.model.training
    assert (tiny_backbone.hidden_size, tiny_backbone.context) == (32, 256)
    assert tiny_backbone.device.type == "cpu"
    assert tiny_backbone.head_is_linear_and_frozen


def test_loading_keeps_the_wanted_precision(tiny_model: Path) -> None:
    half = load_backbone(tiny_model, torch.bfloat16, "cpu")
    assert {p.dtype for p in half.model.parameters()} == {torch.bfloat16}


def test_a_new_adapter_changes_nothing(tiny_backbone: Backbone, rows: list[Row]) -> None:
    batch = pack(rows)
    bare = tiny_backbone.hidden(batch, None)
    tiny_backbone.add_adapter("new", LoraShape(4, 8.0, tiny_backbone.linear_layers.names), 1)
    assert torch.equal(tiny_backbone.hidden(batch, "new"), bare)
    assert torch.equal(tiny_backbone.hidden(batch, None), bare)


def test_adapters_do_not_disturb_each_other(
    tiny_backbone: Backbone, rows: list[Row], loud: Loud
) -> None:
    batch = pack(rows)
    bare = tiny_backbone.hidden(batch, None)
    loud(tiny_backbone, "one", 1)
    first = tiny_backbone.hidden(batch, "one")
    loud(tiny_backbone, "two", 2)
    second = tiny_backbone.hidden(batch, "two")
    assert (first - bare).abs().max() > 0.1
    assert (second - first).abs().max() > 0.1
    assert torch.equal(tiny_backbone.hidden(batch, "one"), first)
    assert torch.equal(tiny_backbone.hidden(batch, None), bare)
    tiny_backbone.remove_adapter("one")
    assert torch.equal(tiny_backbone.hidden(batch, "two"), second)
    assert torch.equal(tiny_backbone.hidden(batch, None), bare)
    assert list(tiny_backbone.shapes) == ["two"]
    loud(tiny_backbone, "one", 1)  # the name is free again
    assert torch.equal(tiny_backbone.hidden(batch, "one"), first)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("family", WITH_FEED_FORWARD)
def test_what_is_read_is_the_same_when_the_rest_is_left_out(
    family: str, depth: int, new_model: Callable[[str], hf.PreTrainedModel], rows: list[Row]
) -> None:
    backbone, batch = Backbone(new_model(family)), pack(rows)
    whole = backbone.hidden(batch, None, depth)
    some = backbone.hidden(batch, None, depth, batch.ends)
    torch.testing.assert_close(some[batch.ends], whole[batch.ends], atol=1e-6, rtol=1e-5)
    other = torch.ones(batch.num_tokens, dtype=torch.bool)
    other[batch.ends] = False
    assert (some - whole)[other].abs().amax(dim=1).min() > 1e-4  # their feed-forward was not run
    assert torch.equal(backbone.hidden(batch, None, depth), whole)


def test_an_unknown_adapter_is_our_own_mistake(tiny_backbone: Backbone) -> None:
    with pytest.raises(AssertionError, match="no adapter nobody"):
        tiny_backbone.hidden(pack([Row((5,), ((6,),))]), "nobody")


def test_gradients_reach_the_adapter_that_is_on_and_learns(
    tiny_backbone: Backbone, rows: list[Row], loud: Loud
) -> None:
    loud(tiny_backbone, "on", 1)
    loud(tiny_backbone, "off", 2)
    assert not any(p.requires_grad for p in tiny_backbone.adapter_parameters("on").values())
    for name in ("on", "off"):
        for parameter in tiny_backbone.adapter_parameters(name).values():
            parameter.requires_grad_(True)
    tiny_backbone.hidden(pack(rows), "on").sum().backward()
    learnt = tiny_backbone.adapter_parameters("on").values()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in learnt)
    assert all(p.grad is None for p in tiny_backbone.adapter_parameters("off").values())
    adapters = {id(p) for n in ("on", "off") for p in tiny_backbone.adapter_parameters(n).values()}
    rest = [p for p in tiny_backbone.model.parameters() if id(p) not in adapters]
    assert len(rest) == 21  # 2 × 9 of the layers, embedding, last norm, head
    assert all(p.grad is None for p in rest)


def test_adapter_parameters_have_peft_s_names(tiny_backbone: Backbone) -> None:
    targets = ("model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj")
    tiny_backbone.add_adapter("a", LoraShape(4, 8.0, targets), 1)
    shapes = {k: tuple(p.shape) for k, p in tiny_backbone.adapter_parameters("a").items()}
    assert shapes == {
        "model.layers.0.self_attn.q_proj.lora_A.weight": (4, 32),
        "model.layers.0.self_attn.q_proj.lora_B.weight": (32, 4),
        "model.layers.1.mlp.up_proj.lora_A.weight": (4, 32),
        "model.layers.1.mlp.up_proj.lora_B.weight": (64, 4),
    }


def test_weights_that_do_not_fit_are_refused(tiny_backbone: Backbone, loud: Loud) -> None:
    weights = dict(tiny_backbone.adapter_parameters(loud(tiny_backbone)))
    key = "model.layers.1.mlp.up_proj.lora_A.weight"
    short = {name: value for name, value in weights.items() if name != key}
    with pytest.raises(UsageError, match=rf"does not fit this model: {key} is on one side only"):
        tiny_backbone.load_adapter("loud", short)
    wide = {**weights, key: torch.zeros(8, 32)}
    with pytest.raises(UsageError, match=rf"{key} is \[8, 32\] where \[4, 32\] is needed"):
        tiny_backbone.load_adapter("loud", wide)


def test_a_full_copy_is_independent(tiny_backbone: Backbone, rows: list[Row]) -> None:
    batch = pack(rows)
    before = tiny_backbone.hidden(batch, None)
    twin = tiny_backbone.trainable_copy()
    assert torch.equal(twin.hidden(batch, None), before)
    assert all(p.requires_grad for p in twin.model.parameters())
    assert not twin.head_is_linear_and_frozen
    with torch.no_grad():
        for parameter in twin.model.parameters():
            parameter.add_(0.05)
    assert torch.equal(tiny_backbone.hidden(batch, None), before)
    assert not any(p.requires_grad for p in tiny_backbone.model.parameters())


def test_capped_logits(
    new_model: Callable[[str], hf.PreTrainedModel], tiny_backbone: Backbone
) -> None:
    gemma = Backbone(new_model("gemma2"))  # final cap 3
    assert not gemma.head_is_linear_and_frozen
    capped = gemma.logits(torch.full((1, 32), 50.0))
    assert 2.9 < capped.abs().max() <= 3.0
    assert tiny_backbone.logits(torch.full((1, 32), 50.0)).abs().max() > 3


@pytest.mark.parametrize("family", ["cohere", "granite", "falcon_h1"])
def test_scaled_logits(family: str, new_model: Callable[[str], hf.PreTrainedModel]) -> None:
    scaled = {"cohere": 0.25, "granite": 0.25, "falcon_h1": 0.5}[family]
    backbone = Backbone(new_model(family))
    assert not backbone.head_is_linear_and_frozen
    states = torch.ones(1, 32)
    assert torch.equal(backbone.logits(states), backbone.head(states) * scaled)


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2", "lfm2", "bloom"])
def test_known_lower_states_give_the_same_as_all_layers(
    family: str, new_model: Callable[[str], hf.PreTrainedModel], rows: list[Row]
) -> None:
    backbone = Backbone(new_model(family))
    top = backbone.linear_layers.select("all-linear", 1)
    backbone.add_adapter("top", LoraShape(4, 8.0, top), 1)
    with torch.no_grad():
        for parameter in backbone.adapter_parameters("top").values():
            parameter.fill_(0.1)
    assert (backbone.lowest_layer("top"), backbone.lowest_layer(None)) == (1, 2)
    batch = pack(rows)
    lower = backbone.lower(batch, 1)
    known = type(batch)(**{**vars(batch), "lower": lower})
    for adapter in ("top", None):
        whole, above = backbone.hidden(batch, adapter), backbone.hidden(known, adapter)
        assert torch.equal(above, whole)
    assert (backbone.hidden(known, "top") - backbone.hidden(known, None)).abs().max() > 0.01


def test_lower_states_of_another_backbone_or_below_an_adapter_are_not_used(
    tiny_backbone: Backbone, tiny_model: Path, rows: list[Row], loud: Loud
) -> None:
    batch = pack(rows)
    wrong = tiny_backbone.lower(batch, 1)
    wrong.hidden.zero_()
    known = type(batch)(**{**vars(batch), "lower": wrong})
    loud(tiny_backbone)  # adapts layer 0 too
    assert torch.equal(tiny_backbone.hidden(known, "loud"), tiny_backbone.hidden(batch, "loud"))
    other = load_backbone(tiny_model, torch.float32, "cpu")
    assert torch.equal(other.hidden(known, None), other.hidden(batch, None))
