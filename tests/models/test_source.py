"""A model's name becomes a folder that is safe to load, or one sentence that says why not."""

import json
import shutil
from pathlib import Path

import pytest

from rather.errors import DataError, UsageError
from rather.models import source
from rather.models.source import check_folder, fingerprint, read_json, resolve


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A sound model folder that may be spoilt."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def test_a_sound_folder_is_taken(folder: Path, tmp_path: Path) -> None:
    check_folder(folder)
    assert resolve("model", tmp_path) == folder
    assert resolve("./model", tmp_path) == folder
    assert resolve(str(folder), tmp_path / "elsewhere") == folder


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_code_by_reference_is_refused(name: str, folder: Path) -> None:
    values = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**values, "auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(DataError, match=rf"{name} names code to run \(auto_map\)"):
        check_folder(folder)


def test_code_in_the_folder_is_refused(folder: Path) -> None:
    (folder / "modeling_x.py").write_text("raise SystemExit('ran')")
    with pytest.raises(DataError, match=r"modeling_x\.py is code inside a model folder"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth"])
def test_pickles_alone_are_refused(name: str, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(DataError, match="only pickled weights, which can run code"):
        check_folder(folder)


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="has no weights; save the model as safetensors"):
        check_folder(folder)


def test_no_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(DataError, match=r"has no config\.json, so it is not a model folder"):
        check_folder(folder)


def test_a_link_to_nothing(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "gone")
    (folder / "model.safetensors").symlink_to(folder / "nowhere")
    with pytest.raises(DataError, match=r"model\.safetensors is a link to nothing"):
        check_folder(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1', "is not valid JSON"),
        ("", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[1, 2]", "should hold a JSON object"),
    ],
)
def test_broken_json(text: str, message: str, folder: Path) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(DataError, match=rf"config\.json {message}"):
        check_folder(folder)


def test_json_that_is_not_text(folder: Path) -> None:
    (folder / "config.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(DataError, match="is not valid JSON"):
        check_folder(folder)


def test_absent_json_is_empty(tmp_path: Path) -> None:
    assert read_json(tmp_path / "absent.json") == {}


@pytest.mark.parametrize("name", ["nobody", "./nobody", "../nobody", "a/b/c", "./a/b", "a b/c", ""])
def test_an_unknown_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_hub(name: str) -> Path:
        raise AssertionError(f"the hub was asked for {name!r}")

    monkeypatch.setattr(source, "_from_hub", no_hub)
    with pytest.raises((UsageError, DataError), match=r"no model named|not a model folder"):
        resolve(name, tmp_path)


def test_a_hub_id_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(*_: object, **__: object) -> str:
        raise huggingface_hub.errors.OfflineModeIsEnabled("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match=r"some/model is neither .* \(HF_HUB_OFFLINE is set\)"):
        resolve("some/model", tmp_path)


def test_what_the_hub_gives_is_checked_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_from_hub", lambda name: folder)
    assert resolve("some/model", tmp_path) == folder
    (folder / "evil.py").write_text("")
    with pytest.raises(DataError, match="is code inside"):
        resolve("some/model", tmp_path)


def test_the_embedded_model_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "embedded_folder", lambda: tmp_path / "cache")
    assert resolve("embedded", tmp_path) == tmp_path / "cache"


def test_the_fingerprint_follows_config_and_weights(folder: Path) -> None:
    first = fingerprint(folder)
    assert first == fingerprint(folder)
    (folder / "README.md").write_text("words")
    assert fingerprint(folder) == first
    weights = folder / "model.safetensors"
    spoilt = bytearray(weights.read_bytes())
    spoilt[-1] ^= 1
    weights.write_bytes(spoilt)
    second = fingerprint(folder)
    (folder / "config.json").write_text("{}")
    assert len({first, second, fingerprint(folder)}) == 3
