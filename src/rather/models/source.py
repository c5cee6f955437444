"""From a model's name to a folder that is safe to load: embedded, a local folder, an address in
object storage, or a hub id."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from rather.bucket.models import model_folder
from rather.config.address import is_address
from rather.errors import DataError, UsageError
from rather.models.embedded import cache_folder, embedded_folder

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
CARD_FILE = "rather.json"
"""In a version's folder: what it was made from."""
LEARNT_FILE = "learnt.json"
"""Ids of the judgments and prompts a version learnt from."""
HUB_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")


def resolve(name: str, root: Path) -> Path:
    """The folder of a model named in the configuration; relative folders are below `root`.

    Raises UsageError for a name nothing answers to, DataError for a folder that must not be loaded.
    """
    if name == "embedded":
        return embedded_folder()
    if is_address(name) and not name.startswith("http"):  # those are servers, not folders
        folder = model_folder(name, cache_folder() / "models", HUB_FILES)
        check_folder(folder)
        return folder
    folder = root / Path(name).expanduser()
    if folder.is_dir():
        check_folder(folder)
        return folder
    if not HUB_ID.fullmatch(name) or name.startswith("."):
        raise UsageError(
            f"There is no model named {name}: give `embedded`, a folder (looked for from {root}), "
            "an address like s3://bucket/folder, or a hub id like "
            "HuggingFaceTB/SmolLM2-135M-Instruct."
        )
    folder = _from_hub(name)
    check_folder(folder)
    return folder


def check_folder(folder: Path) -> None:
    """Refuse a model folder that lacks weights or could run code; DataError says what is wrong."""
    for name in ("config.json", "tokenizer_config.json", "generation_config.json"):
        if "auto_map" in read_json(folder / name):
            raise DataError(
                f"{folder / name} names code to run (auto_map); rather runs no code from a model."
            )
    if scripts := sorted(folder.glob("*.py")):
        raise DataError(f"{scripts[0]} is code inside a model folder; rather loads none of it.")
    for path in folder.iterdir():
        if path.is_symlink() and not path.exists():
            raise DataError(f"{path} is a link to nothing; the model folder is damaged.")
    if not (folder / "config.json").exists():
        raise DataError(f"{folder} has no config.json, so it is not a model folder.")
    if not any(folder.glob("*.safetensors")):
        pickles = any(folder.glob("*.bin")) or any(folder.glob("*.pt")) or any(folder.glob("*.pth"))
        reason = "only pickled weights, which can run code" if pickles else "no weights"
        raise DataError(f"{folder} has {reason}; save the model as safetensors.")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a model folder, empty when the file is absent; DataError when damaged."""
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON ({error}).") from None
    if not isinstance(value, dict):
        raise DataError(f"{path} should hold a JSON object.")
    return value


def fingerprint(folder: Path) -> str:
    """Hash of a model's configuration and weights' names, sizes and first megabyte each."""
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name}:{path.stat().st_size}".encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 20))
    return digest.hexdigest()[:16]


def _from_hub(name: str) -> Path:
    # imported here: only a hub id may ever touch the network
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES)))
    except RepositoryNotFoundError:
        raise UsageError(f"The hub has no model named {name}; check the spelling.") from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise UsageError(
            f"The model {name} is neither a folder nor in the local cache, and the hub cannot be "
            f"reached{offline}: {type(error).__name__}."
        ) from None
