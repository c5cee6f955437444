"""A merged model is the base with its adapter in it: to the number, and to whoever loads it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from rather.data.batch import Row, pack
from rather.errors import DataError
from rather.models.backbone import Backbone
from rather.models.files.merging import Delta, merge, num_weights, weight_files

IDS = (5, 6, 7, 8, 9, 10, 11)


def deltas(backbone: Backbone, adapter: str) -> dict[str, Delta]:
    weights, shape = backbone.adapter_parameters(adapter), backbone.shapes[adapter]
    return {
        target: Delta(
            weights[f"{target}.lora_A.weight"].detach(),
            weights[f"{target}.lora_B.weight"].detach(),
            shape.alpha / shape.rank,
            backbone.linear_layers.is_transposed,
        )
        for target in shape.targets
    }


def their_logits(folder: Path) -> Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        found: Tensor = model.eval()(torch.tensor([IDS])).logits[0]
    return found


@pytest.mark.parametrize(
    ("is_transposed", "expected"),
    # scale 2, B·A = [[1], [3]]·[[10, 100]] = [[10, 100], [30, 300]]
    [(False, [[21.0, 200.0], [60.0, 601.0]]), (True, [[21.0, 60.0], [200.0, 601.0]])],
)
def test_the_sum_by_hand(is_transposed: bool, expected: list[list[float]]) -> None:
    delta = Delta(torch.tensor([[10.0, 100.0]]), torch.tensor([[1.0], [3.0]]), 2.0, is_transposed)
    assert delta.added_to(torch.eye(2)).tolist() == expected


def test_a_merged_folder_is_the_adapted_model_to_transformers(
    tiny_backbone: Backbone, tiny_model: Path, loud: Callable[..., str], tmp_path: Path
) -> None:
    name = loud(tiny_backbone)
    with torch.no_grad():
        batch = pack([Row(IDS[:3], (IDS[3:],))])
        ours = tiny_backbone.logits(tiny_backbone.hidden(batch, name))
        plain = tiny_backbone.logits(tiny_backbone.hidden(batch, None))
    merge(tiny_model, deltas(tiny_backbone, name), tmp_path)
    assert (their_logits(tmp_path) - ours).abs().max() < 1e-4
    assert (plain - ours).abs().max() > 0.1, "the adapter changes nothing: a test of nothing"
    assert AutoTokenizer.from_pretrained(tmp_path).chat_template is not None
    for copied in ("config.json", "generation_config.json", "tokenizer.json"):
        assert (tmp_path / copied).read_bytes() == (tiny_model / copied).read_bytes()


def test_each_weight_keeps_its_precision_or_takes_the_one_asked_for(
    tiny_backbone: Backbone, tiny_model: Path, loud: Callable[..., str], tmp_path: Path
) -> None:
    merged = deltas(tiny_backbone, loud(tiny_backbone))
    for name, dtype in (("own", None), ("half", torch.float16)):
        (tmp_path / name).mkdir()
        merge(tiny_model, merged, tmp_path / name, dtype)
    own = load_file(tmp_path / "own" / "model.safetensors")
    half = load_file(tmp_path / "half" / "model.safetensors")
    assert {w.dtype for w in own.values()} == {torch.float32}
    assert {w.dtype for w in half.values()} == {torch.float16}
    # rounded once, after the sum
    assert all(torch.equal(own[key].half(), half[key]) for key in own)
    assert json.loads((tmp_path / "half" / "config.json").read_text())["dtype"] == "float16"


def test_shards_stay_shards(
    tiny_backbone: Backbone, tiny_model: Path, loud: Callable[..., str], tmp_path: Path
) -> None:
    """Two files and their index, beside a third file that the index does not name."""
    base, made = tmp_path / "base", tmp_path / "made"
    shutil.copytree(tiny_model, base)
    made.mkdir()
    whole = load_file(base / "model.safetensors")
    names = sorted(whole)
    files = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in files.items():
        save_file({key: whole[key] for key in part}, base / file, metadata={"format": "pt"})
    weight_map = {key: file for file, part in files.items() for key in part}
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    assert weight_files(base) == ["a.safetensors", "b.safetensors"]
    assert num_weights(base) == len(names)
    merge(base, deltas(tiny_backbone, loud(tiny_backbone)), made)
    assert sorted(path.name for path in made.glob("*.safetensors")) == list(files)
    told = json.loads((made / "model.safetensors.index.json").read_text())
    assert told["weight_map"] == weight_map
    assert told["metadata"]["total_size"] == sum(w.nbytes for w in whole.values())
    assert their_logits(made).isfinite().all()


def changed(base: Path, **config: Any) -> None:
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))


def test_what_cannot_be_merged_is_told(tiny_model: Path, tmp_path: Path) -> None:
    base, made = tmp_path / "base", tmp_path / "made"
    shutil.copytree(tiny_model, base)
    made.mkdir()
    nowhere = Delta(torch.zeros(1, 2), torch.zeros(2, 1), 1.0, False)
    with pytest.raises(DataError, match=r"no weight named model\.layers\.9\.up_proj\.weight"):
        merge(base, {"model.layers.9.up_proj": nowhere}, made)
    changed(base, quantization_config={"bits": 4})
    with pytest.raises(DataError, match="is quantized; merge into the model it was made from"):
        merge(base, {}, made)
