"""A model folder in object storage, read into this machine's cache once."""

import hashlib
import json
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from rather.bucket.place import Place
from rather.durable import file_digest, staged_directory, verify
from rather.errors import DataError, UsageError
from rather.failpoints import failpoint

MANIFEST = "manifest.json"


def model_folder(address: str, cache: Path, patterns: Sequence[str]) -> Path:
    """The folder in the cache that holds the model at an address, its files by these patterns.

    Another model at the same address (other names, sizes or versions of files) is another folder.
    What arrived is hashed, and so verified whenever it is opened; a manifest that lies beside the
    model there is held to. UsageError where there is no model, DataError where it is damaged.
    """
    place = Place.at(address)
    found = {name: size for name, size in place.sizes().items() if "/" not in name}
    wanted = {name: size for name, size in found.items() if any(fnmatch(name, p) for p in patterns)}
    if "config.json" not in wanted:
        raise UsageError(
            f"There is no model at {place.shown}: a model's folder has a config.json and weights "
            "as safetensors."
        )
    said = json.dumps([place.shown, sorted(wanted.items()), place.stamps(sorted(wanted))])
    folder = cache / hashlib.sha256(said.encode()).hexdigest()[:24]
    if folder.exists() and not verify(folder):
        return folder
    with staged_directory(folder) as staging:
        for name, size in wanted.items():
            place.fetch(name, staging / name)
            failpoint("bucket.received")
            if (staging / name).stat().st_size != size:
                raise DataError(f"{name} of {place.shown} did not arrive whole; try again.")
        _require_sound(place, staging)
        (staging / MANIFEST).unlink(missing_ok=True)  # the folder's own is written when it is whole
    return folder


def _require_sound(place: Place, staging: Path) -> None:
    """Hold what arrived to the manifest that was sent along, where there was one."""
    if not (staging / MANIFEST).exists():
        return
    try:
        told = json.loads((staging / MANIFEST).read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{MANIFEST} of {place.shown} is damaged: copy it anew.") from error
    try:
        hashes = {name: str(one["sha256"]) for name, one in told["files"].items()}
    except (KeyError, TypeError, AttributeError):
        return  # somebody else's file of that name
    for name, sha256 in hashes.items():
        path = staging / name
        if path.exists() and file_digest(path)[0] != sha256:
            raise DataError(f"{name} of {place.shown} differs from its manifest: copy it anew.")
