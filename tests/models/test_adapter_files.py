"""Adapters on disk are PEFT folders: PEFT reads ours, we read PEFT's, odd ones are told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from rather.data.batch import Row, pack
from rather.errors import DataError
from rather.models.adapter_files import load_adapter, save_adapter
from rather.models.backbone import Backbone
from rather.models.library import load_backbone
from rather.models.lora import LoraShape

# PEFT asks transformers for an attribute by its old name: an affair between those two
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")

Loud = Callable[..., str]
IDS = (5, 6, 7, 8, 9, 10, 11)


def our_logits(backbone: Backbone, adapter: str | None) -> Tensor:
    with torch.no_grad():
        return backbone.logits(backbone.hidden(pack([Row(IDS[:3], (IDS[3:],))]), adapter))


def their_logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model.eval()(torch.tensor([IDS])).logits[0]


def saved(backbone: Backbone, name: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    weights = dict(backbone.adapter_parameters(name))
    save_adapter(folder, backbone.shapes[name], weights, backbone.linear_layers, "base")
    return folder


def loaded(backbone: Backbone, name: str, folder: Path) -> None:
    shape, weights = load_adapter(folder, backbone.linear_layers)
    backbone.add_adapter(name, shape)
    backbone.load_adapter(name, weights)


def plain(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


@pytest.fixture
def folder(tiny_backbone: Backbone, loud: Loud, tmp_path: Path) -> Path:
    """A sound adapter folder."""
    return saved(tiny_backbone, loud(tiny_backbone), tmp_path / "adapter")


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(folder: Path, change: Callable[[dict[str, Tensor]], Any]) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    change(weights)
    save_file(weights, folder / "adapter_model.safetensors")


def test_plain_peft_loads_what_we_save(
    tiny_model: Path, tiny_backbone: Backbone, folder: Path
) -> None:
    theirs = PeftModel.from_pretrained(plain(tiny_model), str(folder))
    ours = our_logits(tiny_backbone, "loud")
    assert (ours - our_logits(tiny_backbone, None)).abs().max() > 0.1
    torch.testing.assert_close(their_logits(theirs), ours, atol=1e-5, rtol=0)


@pytest.mark.parametrize("wanted", ["all-linear", ("q_proj", "up_proj")])
def test_plain_peft_loads_an_adapter_of_the_top_layers_only(
    wanted: Any, tiny_model: Path, tiny_backbone: Backbone, tmp_path: Path
) -> None:
    targets = tiny_backbone.linear_layers.select(wanted, 1)
    tiny_backbone.add_adapter("top", LoraShape(4, 8.0, targets), 1)
    with torch.no_grad():
        for parameter in tiny_backbone.adapter_parameters("top").values():
            parameter.normal_(0.0, 0.2, generator=torch.Generator().manual_seed(1))
    folder = saved(tiny_backbone, "top", tmp_path / "top")
    theirs = PeftModel.from_pretrained(plain(tiny_model), str(folder))
    adapted = [name for name, _ in theirs.named_parameters() if ".lora_A." in name]
    assert len(adapted) == len(targets)
    assert all(".layers.1." in name for name in adapted)
    torch.testing.assert_close(
        their_logits(theirs), our_logits(tiny_backbone, "top"), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": "all-linear", "r": 4, "lora_alpha": 16},
        {"target_modules": ["q_proj", "v_proj"], "r": 8, "lora_alpha": 4},
        {"target_modules": ["down_proj"], "layers_to_transform": [1], "r": 2, "lora_alpha": 3},
    ],
)
def test_we_load_what_plain_peft_saves(
    settings: dict[str, Any], tiny_model: Path, tiny_backbone: Backbone, tmp_path: Path
) -> None:
    config = LoraConfig(**settings, task_type="CAUSAL_LM", init_lora_weights=False)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        theirs = get_peft_model(plain(tiny_model), config)
    theirs.save_pretrained(tmp_path)
    loaded(tiny_backbone, "theirs", tmp_path)
    ours = our_logits(tiny_backbone, "theirs")
    assert (ours - our_logits(tiny_backbone, None)).abs().max() > 1e-3
    torch.testing.assert_close(their_logits(theirs), ours, atol=1e-5, rtol=0)


def test_gpt_2_goes_there_and_back(
    new_model: Callable[[str], Any], loud: Loud, tmp_path: Path
) -> None:
    """Its linear layers are transposed (Conv1D), which PEFT calls fan_in_fan_out."""
    backbone = Backbone(new_model("gpt2"))
    folder = saved(backbone, loud(backbone), tmp_path / "gpt2")
    theirs = PeftModel.from_pretrained(new_model("gpt2"), str(folder))
    ours = our_logits(backbone, "loud")
    torch.testing.assert_close(their_logits(theirs), ours, atol=2e-5, rtol=1e-5)
    again = Backbone(new_model("gpt2"))
    loaded(again, "loud", folder)
    assert torch.equal(our_logits(again, "loud"), ours)


def test_reloading_gives_the_same_to_the_bit(
    tiny_model: Path, tiny_backbone: Backbone, folder: Path
) -> None:
    again = load_backbone(tiny_model, torch.float32, "cpu")
    loaded(again, "again", folder)
    assert torch.equal(our_logits(again, "again"), our_logits(tiny_backbone, "loud"))
    assert again.shapes["again"] == tiny_backbone.shapes["loud"]


def test_the_folder_holds_two_files(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    names = load_file(folder / "adapter_model.safetensors")
    assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" in names
    assert len(names) == 28


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "IA3"}, "is not a LoRA adapter"),
        ({"use_dora": True}, "uses use_dora"),
        ({"use_rslora": True}, "uses use_rslora"),
        ({"bias": "all"}, "uses bias"),
        ({"modules_to_save": ["lm_head"]}, "uses modules_to_save"),
        ({"alpha_pattern": {"q_proj": 64}}, "uses alpha_pattern"),
        ({"rank_pattern": {"q_proj": 64}}, "uses rank_pattern"),
    ],
)
def test_what_our_layers_lack_is_refused(
    changes: dict[str, Any], message: str, tiny_backbone: Backbone, folder: Path
) -> None:
    edit_config(folder, **changes)
    with pytest.raises(DataError, match=message):
        load_adapter(folder, tiny_backbone.linear_layers)


def test_damaged_weights_are_refused(tiny_backbone: Backbone, folder: Path) -> None:
    layout = tiny_backbone.linear_layers
    key = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"
    edit_weights(folder, lambda weights: weights[key].fill_(float("nan")))
    with pytest.raises(DataError, match=r"not finite in model\.layers\.1\.mlp\.up_proj\.lora_B"):
        load_adapter(folder, layout)
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"adapter_model\.safetensors is damaged"):
        load_adapter(folder, layout)
    path.rename(folder / "adapter_model.bin")
    with pytest.raises(DataError, match=r"is missing; pickled adapters \(\.bin\) are never read"):
        load_adapter(folder, layout)


def test_an_adapter_of_another_model_is_refused(
    new_model: Callable[[str], Any], folder: Path
) -> None:
    other = Backbone(new_model("gpt2"))
    with pytest.raises(
        DataError, match=r"adapts model\.layers\.0\.mlp\.down_proj, which the base model does not"
    ):
        load_adapter(folder, other.linear_layers)
