"""The GPU's benchmark without a GPU: everything but CUDA itself, on a tiny shape."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu

STEPS = [
    {"peak_rss_bytes": 9.0, "peak_device_bytes": 3.0, "wall_seconds": 1.0},
    {"peak_rss_bytes": 9.0, "peak_device_bytes": 5.0, "wall_seconds": 1.0},
]


def test_memory_is_the_cards_where_there_is_one() -> None:
    assert gpu.peak_bytes(STEPS) == 5.0
    assert gpu.peak_bytes([{"peak_rss_bytes": 9.0}]) == 9.0


def test_it_says_whether_ppo_fits_the_card() -> None:
    one: dict[str, Any] = {"tokens_per_second": 10.0, "of_products": 0.5, "of_bytes": 0.25}
    small, large = one | {"peak_bytes": 79e9}, one | {"peak_bytes": 81e9}
    found = {"tokens": 100, "systems": {"ours": small, "TRL": large}, "failed": {"x": "ended"}}
    said = gpu.told("llama-8b", "ppo-4", found).splitlines()
    assert said[1] == "llama-8b, ppo-4: 100 tokens"
    assert said[2].endswith("peak 79.00 GB, fits 80 GB")
    assert said[3].endswith("peak 81.00 GB, does not fit 80 GB")
    assert said[4].split() == ["x", "ended"]
    assert "80 GB" not in gpu.told("llama-8b", "reward", found)


def test_on_a_gpu_nothing_is_tried_and_the_card_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    systems = gpu.contestants("dpo-live", "cuda", ["ours", "TRL"])
    assert not any(one.is_trial for one in systems)
    assert {one.device for one in systems} == {"cuda"}
    assert "CUDA_VISIBLE_DEVICES" not in systems[0].environment


def test_without_a_gpu_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 5
    assert "no GPU" in capsys.readouterr().err


@pytest.mark.slow
def test_a_tiny_shape_on_the_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gpu.json"
    told = ["--device", "cpu", "--models", "tiny", "--repeats", "1", "--results", str(file)]
    assert gpu.main([*told, "--systems", "ours", "--only", "dpo-live", "ppo-4"]) == 0
    kept = json.loads(file.read_text("utf-8"))
    assert list(kept) == ["tiny, dpo-live", "tiny, ppo-4"]
    for one in kept["tiny, ppo-4"]["systems"].values():
        assert one["tokens_per_second"] > 0 and one["peak_bytes"] > 1e6
        assert 0 < one["of_products"] < 1
    assert "fits 80 GB" in capsys.readouterr().out
