"""Where vLLM is found, and what it is started with."""

import os
from pathlib import Path

import pytest

from rather.config.vllm import VllmEngine
from rather.errors import EnvironmentFault
from rather.serving.vllm.installed import command, environment, find_python


def program(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_named_python_is_taken(tmp_path: Path) -> None:
    python = program(tmp_path / "bin" / "python")
    assert find_python(VllmEngine(python=str(python))) == python


def test_without_a_name_it_is_the_one_beside_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = program(tmp_path / "bin" / "python")
    program(tmp_path / "bin" / "vllm")
    monkeypatch.setenv("PATH", str(python.parent))
    assert find_python(VllmEngine()) == python


@pytest.mark.parametrize(
    ("named", "said"),
    [(None, "is not installed where rather can find it"), ("/none/python", "is no program")],
)
def test_where_there_is_none_it_says_how_to_come_by_one(
    monkeypatch: pytest.MonkeyPatch, named: str | None, said: str
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EnvironmentFault, match=f"{said}.*pip install.*serve.vllm.python"):
        find_python(VllmEngine(python=named))


def test_the_settings_become_flags(tmp_path: Path) -> None:
    python = program(tmp_path / "bin" / "python")
    section = VllmEngine(
        python=str(python),
        max_running=5,
        max_adapters_at_once=3,
        max_context=256,
        cache_gb=0.5,
        arguments=("--enforce-eager",),
    )
    given = command(section, tmp_path / "model", "bfloat16", max_rank=32, resident_adapters=16)
    assert given[0] == str(python) and given[-1] == "--enforce-eager"
    told = dict(zip(given[4:-1:2], given[5:-1:2], strict=True))
    assert told == {
        "--model": str(tmp_path / "model"),
        "--served-model-name": "base",
        "--dtype": "bfloat16",
        "--max-num-seqs": "5",
        "--max-loras": "3",
        "--max-cpu-loras": "16",
        "--max-lora-rank": "32",
        "--generation-config": "vllm",
        "--logprobs-mode": "raw_logprobs",
        "--max-model-len": "256",
        "--kv-cache-memory-bytes": "536870912",
    }


def test_nothing_is_fetched_or_reported_and_its_own_tools_are_found(tmp_path: Path) -> None:
    told = environment(tmp_path / "bin" / "python")
    assert told["HF_HUB_OFFLINE"] == "1" and told["VLLM_NO_USAGE_STATS"] == "1"
    assert told["PATH"].split(os.pathsep)[0] == str(tmp_path / "bin")
