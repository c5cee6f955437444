"""Weights in their file: their memory goes, their numbers stay; what is no file's own is kept."""

import ctypes
import mmap
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from rather.models.library import load_backbone
from rather.models.storage import mapped
from rather.models.storage.mapped import MappedFiles

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is mapped")
PAGES = 256
EMBEDDINGS = "model.embed_tokens.weight"


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, Tensor]:
    """Two that fill 256 pages each, with some bytes of other pages, and one within a page."""
    count = PAGES * mmap.PAGESIZE // 4 + 100
    made = {name: torch.arange(count, dtype=torch.float32) + n for n, name in enumerate("ab")}
    save_file(made | {"small": torch.ones(3)}, tmp_path / "model.safetensors")
    return load_file(tmp_path / "model.safetensors")


def resident(weight: Tensor) -> int:
    """Bytes in memory of the file that a weight lies in, as the system says."""
    lines = iter(Path("/proc/self/smaps").read_text("utf-8").splitlines())
    for line in lines:
        name, *rest = line.split()
        if not name.endswith(":"):
            low, high = (int(place, 16) for place in name.split("-"))
            is_here = low <= weight.data_ptr() < high
        elif name == "Rss:" and is_here:
            return int(rest[0]) * 1024
    raise AssertionError("mapped nowhere")


def test_memory_goes_and_numbers_stay(weights: dict[str, Tensor]) -> None:
    expected = {name: weight.clone() for name, weight in weights.items()}
    before = resident(weights["a"])
    assert before >= 2 * PAGES * mmap.PAGESIZE
    files = MappedFiles()
    bytes_of_a = files.give_back([weights["a"]])
    assert bytes_of_a >= (PAGES - 1) * mmap.PAGESIZE
    assert resident(weights["a"]) == before - bytes_of_a
    assert files.give_back([weights["small"]]) == 0
    assert all(torch.equal(weights[name], one) for name, one in expected.items())
    assert resident(weights["a"]) == before


def test_a_loaded_model_has_in_memory_what_was_read_since(tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=50_000,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    backbone = load_backbone(tmp_path, torch.float32, "cpu")
    embeddings = backbone.model.get_input_embeddings().weight
    assert resident(embeddings) < embeddings.nbytes / 10
    assert embeddings.sum() == load_file(tmp_path / "model.safetensors")[EMBEDDINGS].sum()
    assert resident(embeddings) > embeddings.nbytes


def test_what_was_written_to_is_kept(weights: dict[str, Tensor]) -> None:
    weights["b"][5] = -1.0
    assert MappedFiles().give_back(weights.values()) == 0
    assert weights["b"][5] == -1


def test_what_is_not_in_a_file_is_kept() -> None:
    plain = torch.arange(1 << 20)
    assert MappedFiles().give_back([plain]) == 0
    assert torch.equal(plain, torch.arange(1 << 20))


def test_what_lies_scattered_is_kept(weights: dict[str, Tensor]) -> None:
    assert MappedFiles().give_back([weights["a"][::2], weights["a"][:0]]) == 0


def test_a_system_that_does_not_say(
    weights: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "SMAPS", tmp_path / "nothing")
    assert MappedFiles().give_back(weights.values()) == 0


def test_a_swapped_page_is_the_process_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = """\
1000-5000 rw-p 00000000 fe:00 16039947                   /models/a b.safetensors
Anonymous:             0 kB
Swap:                  4 kB
VmFlags: rd wr mr mw me ac sd
6000-9000 rw-p 00000000 fe:00 16039947                   /models/c.safetensors
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me ac sd
9000-a000 rw-p 00000000 00:00 0
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me ac sd
a000-b000 rw-p 00000000 00:00 0                          [heap]
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me ac sd
"""
    (tmp_path / "smaps").write_text(said, "utf-8")
    monkeypatch.setattr(mapped, "SMAPS", tmp_path / "smaps")
    assert list(mapped._unchanged()) == [(0x6000, 0x9000)]


def test_what_the_system_refuses_stays(weights: dict[str, Tensor]) -> None:
    expected = weights["a"].clone()
    library, first = ctypes.CDLL(None, use_errno=True), weights["a"].data_ptr()
    place, size = ctypes.c_void_p(first), ctypes.c_size_t(8 * mmap.PAGESIZE)
    if library.mlock(place, size):
        pytest.skip(f"nothing may be locked here: {os.strerror(ctypes.get_errno())}")
    try:
        assert MappedFiles().give_back([weights["a"]]) == 0
    finally:
        library.munlock(place, size)
    assert torch.equal(weights["a"], expected)
