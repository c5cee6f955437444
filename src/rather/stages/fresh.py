"""A model from nothing: random weights in the shape a configuration gives."""

import shutil

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rather.config.stages import SFT
from rather.data.identity import digest
from rather.durable import staged_directory, verify
from rather.errors import DataError, UsageError
from rather.models.source import read_json
from rather.workspace import Workspace


def fresh_backbone(ws: Workspace, section: SFT) -> str:
    """The folder of a model with random weights, made once for a configuration and a seed.

    Raises UsageError unless all weights are trained, DataError for a folder that is no model's.
    """
    if section.adapter.tuning != "full":
        raise UsageError("sft.fresh_config starts from random weights; set tuning: full.")
    source = ws.root / str(section.fresh_config)
    config = read_json(source / "config.json")
    if not config or "auto_map" in config:
        raise DataError(f"{source} should hold config.json (without code) and a tokenizer.")
    name = f"fresh-{digest([config, ws.config.seed])[:10]}"
    target = ws.models_dir / name
    if not target.exists() or verify(target):
        with staged_directory(target) as staging:
            torch.manual_seed(ws.config.seed)
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(source))
            model.save_pretrained(staging)
            for file in source.iterdir():
                if file.name.startswith(("tokenizer", "special_tokens", "chat_template")):
                    shutil.copy(file, staging)
    return str(target.relative_to(ws.root))
