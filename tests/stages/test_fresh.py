"""A model from nothing: made once for a configuration and a seed."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from rather.config.optimization import Adapter
from rather.config.stages import SFT
from rather.durable import verify
from rather.errors import DataError, UsageError
from rather.models.library import Library, weights_digest
from rather.stages.fresh import fresh_backbone
from rather.workspace import Workspace


def section(folder: Path, tuning: str = "full") -> SFT:
    return SFT(fresh_config=str(folder), adapter=Adapter(tuning=tuning))  # type: ignore[arg-type]


def weights(folder: Path) -> str:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return weights_digest(dict(model.named_parameters()))


def test_a_seed_is_a_model(ws: Workspace, tiny_model: Path) -> None:
    name = fresh_backbone(ws, section(tiny_model))
    folder = ws.root / name
    assert name.startswith("models/fresh-")
    assert verify(folder) == []
    before = weights(folder)
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    assert fresh_backbone(ws, section(tiny_model)) == name
    assert (folder / "model.safetensors").stat().st_mtime_ns == stamp
    other = fresh_backbone(ws.configured({"seed": 1}), section(tiny_model))
    assert other != name
    assert weights(ws.root / other) != before


def test_it_comes_with_its_tokenizer(ws: Workspace, tiny_model: Path) -> None:
    name = fresh_backbone(ws, section(tiny_model))
    library = Library(ws.root, name, "float32", {})
    assert library.codec("base").fingerprint == library.codec(str(tiny_model)).fingerprint
    assert library.policy("base").backbone.context == 256


def test_a_damaged_one_is_made_again(ws: Workspace, tiny_model: Path) -> None:
    folder = ws.root / fresh_backbone(ws, section(tiny_model))
    before = weights(folder)
    (folder / "model.safetensors").write_bytes(b"torn")
    assert ws.root / fresh_backbone(ws, section(tiny_model)) == folder
    assert weights(folder) == before


def test_what_cannot_start_from_nothing_is_refused(
    ws: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="starts from random weights; set tuning: full"):
        fresh_backbone(ws, section(tiny_model, "lora"))
    with pytest.raises(DataError, match=r"should hold config\.json"):
        fresh_backbone(ws, section(tmp_path))
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoModel": "code.Model"}}')
    with pytest.raises(DataError, match=r"should hold config\.json \(without code\)"):
        fresh_backbone(ws, section(tmp_path))
