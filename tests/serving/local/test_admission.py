"""Every way an adapter can be bad: it is refused with its reason, and nothing else notices."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rather.durable import staged_directory
from rather.errors import DataError
from rather.models.library import Library
from rather.serving.local.admission import Admission
from rather.store import versions
from tests.serving.conftest import House

NAME = "ppo-3"


def admission(house: House, max_rank: int = 64) -> Admission:
    library = Library(house.root, "base-model", "float32", {})
    return Admission(library, lambda name: versions.get(house.db, name), max_rank)


def republish(house: House, change: Callable[[Path], Any], name: str = NAME) -> None:
    """The version's folder with something changed, and a manifest that says so."""
    folder = house.root / "models" / name
    old = folder.with_name("old")
    folder.rename(old)
    (old / "manifest.json").unlink()
    with staged_directory(folder) as staging:
        shutil.copytree(old, staging, dirs_exist_ok=True)
        change(staging)
    shutil.rmtree(old)


def config(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def card(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "rather.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def weights(change: Callable[[dict[str, Any], str], Any]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        found = load_file(path)
        change(found, sorted(found)[0])
        save_file(found, path)

    return changed


def to_nan(found: dict[str, Any], key: str) -> None:
    found[key][0, 0] = float("nan")


def as_pickle(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    torch.save({}, folder / "adapter_model.bin")


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another base": (card(base_fingerprint="other"), "trained on another model"),
    "another template": (card(codec_fingerprint="other"), "another tokenizer, chat template"),
    "no config": (lambda folder: (folder / "adapter_config.json").unlink(), "not a LoRA adapter"),
    "no card": (lambda folder: (folder / "rather.json").unlink(), "base_fingerprint"),
    "broken config": (
        lambda folder: (folder / "adapter_config.json").write_text("{"),
        "not valid JSON",
    ),
    "rank 0": (config(r=0), "r is 0"),
    "rank of words": (config(r="two"), "r is 'two'"),
    "rank without end": (config(r=10**9), r"where \[1000000000, \d+\] is needed"),
    "no alpha": (config(lora_alpha=None), "lora_alpha is None"),
    "dora": (config(use_dora=True), "use_dora"),
    "pickle only": (as_pickle, "pickled adapters .* are never read"),
    "not a number": (weights(to_nan), "not finite"),
    "another width": (
        weights(lambda found, key: found.update({key: torch.zeros(2, 5)})),
        "does not fit this model",
    ),
    "one key less": (weights(lambda found, key: found.pop(key)), "on one side only"),
    "one key more": (
        weights(
            lambda found, key: found.update({key.replace("lora_A", "lora_C"): found[key].clone()})
        ),
        "on one side only",
    ),
    "of another layer": (
        weights(
            lambda found, key: found.update({"base_model.model.lm_head.x": found[key].clone()})
        ),
        "which the base model does not have",
    ),
    "cut off": (
        lambda folder: os.truncate(folder / "adapter_model.safetensors", 100),
        "damaged",
    ),
    "whole model": (lambda folder: (folder / "config.json").write_text("{}"), "a whole model"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_adapter_is_refused_with_its_reason(house: House, what: str) -> None:
    change, reason = BAD[what]
    republish(house, change)
    with pytest.raises(DataError, match=reason) as caught:
        admission(house).read(NAME)
    assert str(house.root) not in str(caught.value)


def head(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        path = folder / "member-2" / "head.safetensors"
        found = load_file(path)
        change(found)
        save_file(found, path)

    return changed


BAD_JUDGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no head": (
        lambda folder: (folder / "member-2" / "head.safetensors").unlink(),
        r"no head in head\.safetensors that fits",
    ),
    "a pickled head": (
        lambda folder: torch.save({}, folder / "member-2" / "head.safetensors"),
        r"no head in head\.safetensors that fits",
    ),
    "another width": (
        head(lambda found: found.update(weight=torch.zeros(5))),
        r"no head in head\.safetensors that fits",
    ),
    "not a number": (
        head(lambda found: found.update(weight=torch.full((32,), torch.nan))),
        "The head of reward-1 has numbers that are not finite",
    ),
    "no pooling": (card(pooling=None), "pooling of rather.json: Input should be 'last' or 'mean'"),
    "members of words": (card(ensemble="many"), "ensemble of rather.json"),
    "members without end": (card(ensemble=10**9), "ensemble of rather.json"),
    "depth of words": (card(depth="all"), "depth of rather.json"),
    "deeper than the model": (card(depth=9), "reward-1 reads 9 layers of 2"),
}


@pytest.mark.parametrize("what", BAD_JUDGES)
def test_a_bad_reward_model_is_refused_with_its_reason(house: House, what: str) -> None:
    change, reason = BAD_JUDGES[what]
    republish(house, change, "reward-1")
    with pytest.raises(DataError, match=reason) as caught:
        admission(house).read("reward-1")
    assert str(house.root) not in str(caught.value)


def test_what_the_manifest_does_not_know_is_refused(house: House) -> None:
    path = house.root / "models" / NAME / "adapter_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"damaged: .* differs from its manifest"):
        admission(house).read(NAME)


def test_a_link_out_of_the_folder_is_refused(house: House) -> None:
    path = house.root / "models" / NAME / "adapter_model.safetensors"
    elsewhere = path.replace(house.root / "elsewhere")
    path.symlink_to(elsewhere)
    with pytest.raises(DataError, match="leads out of its version's folder"):
        admission(house).read(NAME)


def test_a_folder_that_is_a_link_out_is_refused(house: House, tmp_path: Path) -> None:
    folder = house.root / "models" / NAME
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="leads out of the workspace's models"):
        admission(house).read(NAME)


def test_a_rank_above_the_limit_is_refused(house: House) -> None:
    assert admission(house, max_rank=2).read(NAME).adapters[0].shape.rank == 2
    with pytest.raises(DataError, match=r"has rank 2, and serve\.max_rank is 1"):
        admission(house, max_rank=1).read(NAME)


def test_an_unknown_version_is_refused(house: House) -> None:
    with pytest.raises(DataError, match="no version ppo-99"):
        admission(house).read("ppo-99")


def test_reading_touches_no_backbone(house: House) -> None:
    reader = admission(house)
    found = reader.read("reward-1")
    assert [one.name for one in found.adapters] == ["reward-1-member-1", "reward-1-member-2"]
    assert reader.backbone.shapes == {}
    assert [one.adapter for one in found.members(reader.backbone)] == [
        "reward-1-member-1",
        "reward-1-member-2",
    ]
    assert reader.read(NAME).members(reader.backbone) == ()
