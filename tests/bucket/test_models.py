"""A model by its address: read into the cache once, whole, and never damaged."""

from pathlib import Path

import pytest

from rather.bucket.models import model_folder
from rather.bucket.place import Place
from rather.durable import staged_directory, verify
from rather.errors import DataError, UsageError

PATTERNS = ("*.safetensors", "*.json")


@pytest.fixture
def kept(tmp_path: Path, store: str) -> str:
    """A model's folder in storage, with a file nobody asked for."""
    place = Place.at(store)
    place.write("config.json", b"{}")
    place.write("model.safetensors", b"weights")
    place.write("model.bin", b"a pickle")
    place.write("other/config.json", b"{}")
    return store


def test_it_is_read_once(kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model_folder(kept, tmp_path / "cache", PATTERNS)
    assert verify(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "manifest.json", "model.safetensors",
    ]  # fmt: skip
    monkeypatch.setattr(Place, "fetch", lambda *_: pytest.fail("it was fetched again"))
    assert model_folder(kept, tmp_path / "cache", PATTERNS) == folder


def test_another_model_at_the_address_is_another_folder(kept: str, tmp_path: Path) -> None:
    first = model_folder(kept, tmp_path / "cache", PATTERNS)
    Place.at(kept).write("model.safetensors", b"changed")
    second = model_folder(kept, tmp_path / "cache", PATTERNS)
    assert first != second and (second / "model.safetensors").read_bytes() == b"changed"


def test_a_damaged_copy_is_fetched_anew(kept: str, tmp_path: Path) -> None:
    folder = model_folder(kept, tmp_path / "cache", PATTERNS)
    (folder / "model.safetensors").write_bytes(b"weightz")
    assert model_folder(kept, tmp_path / "cache", PATTERNS) == folder
    assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_what_breaks_off_leaves_nothing(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATHER_FAILPOINT", "bucket.received:raise:2")
    with pytest.raises(RuntimeError, match=r"failpoint bucket\.received"):
        model_folder(kept, tmp_path / "cache", PATTERNS)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_manifest_beside_it_is_held_to(store: str, tmp_path: Path) -> None:
    with staged_directory(tmp_path / "version") as staging:
        (staging / "config.json").write_text("{}")
        (staging / "model.safetensors").write_bytes(b"weights")
    place = Place.at(store)
    for path in (tmp_path / "version").iterdir():
        place.send(path, path.name)
    assert verify(model_folder(store, tmp_path / "cache", PATTERNS)) == []
    place.write("model.safetensors", b"weightz")
    with pytest.raises(DataError, match=r"model\.safetensors of .* differs from its manifest"):
        model_folder(store, tmp_path / "cache", PATTERNS)
    place.write("manifest.json", b'{"files": {"model.saf')
    with pytest.raises(DataError, match=r"manifest\.json of .* is damaged: copy it anew"):
        model_folder(store, tmp_path / "cache", PATTERNS)


def test_a_place_without_a_model(store: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no model at file://"):
        model_folder(store, tmp_path / "cache", PATTERNS)
