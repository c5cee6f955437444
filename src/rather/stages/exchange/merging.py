"""`export --merge`: a version as a plain Hugging Face folder, for whoever has no PEFT."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from rather.durable import staged_directory
from rather.errors import UsageError
from rather.models.files.merging import Delta, merge, num_weights
from rather.models.library import Library, require_sound
from rather.models.source import CARD_FILE
from rather.records import ModelVersion, WrittenPrecision
from rather.report.card import card
from rather.stages.reported.cards import about
from rather.stages.reporting import gather_report
from rather.stages.runs import open_library, policy_name
from rather.workspace import Workspace

Result = dict[str, Any]


def export_merged(
    ws: Workspace,
    version: str,
    out: Path | None = None,
    precision: WrittenPrecision = "auto",
    dry_run: bool = False,
) -> Result:
    """Write a version's weights, tokenizer, template and card as one plain model folder."""
    library = open_library(ws)
    found = _mergeable(library, policy_name(ws, version))
    target = (out or ws.root / f"{found.name}-merged").resolve()
    if target.exists():
        raise UsageError(f"{target} exists already; give another folder with --out.")
    what = f"{found.name}, merged into {found.base},"
    if dry_run:
        return {"summary": f"would write {what} to {target}.", "out": str(target)}
    base, deltas = library.folder_of(found.name), _deltas(library, found)
    dtype = None if precision == "auto" else getattr(torch, precision)
    with (
        ws.progress.track(f"merge {found.name}", num_weights(base), "weights") as task,
        staged_directory(target) as staging,
    ):
        merge(base, deltas, staging, dtype, task.advance)
        shutil.copyfile(ws.root / found.path / CARD_FILE, staging / CARD_FILE)
        told = replace(about(ws, found), is_adapter=False)
        (staging / "README.md").write_text(card(told, gather_report(ws)), "utf-8")
    return {
        "summary": f"wrote {what} to {target}: a plain Hugging Face folder.",
        "out": str(target),
        "version": found.name,
    }


def _mergeable(library: Library, name: str) -> ModelVersion:
    found = library.versions.get(name)
    if found is None:
        known = [one.name for one in library.versions.values() if one.stage != "reward"]
        raise UsageError(
            f"There is no version {name} to merge; this workspace has "
            f"{', '.join(known) or 'none yet'}."
        )
    if found.stage == "reward":
        raise UsageError(
            f"{name} is a reward model, whose head a language model has no place for; its adapter "
            f"and head lie in {found.path}."
        )
    return found


def _deltas(library: Library, version: ModelVersion) -> dict[str, Delta]:
    """What a version's adapter, verified, adds to each layer; nothing for a whole model."""
    folder, base = library.root / version.path, library.folder_of(version.name)
    if base == folder:
        require_sound(version, folder)
        return {}
    shape, weights = library.adapter(version)
    return {
        target: Delta(
            weights[f"{target}.lora_A.weight"],
            weights[f"{target}.lora_B.weight"],
            shape.alpha / shape.rank,
            library.skeleton(base).linear_layers.is_transposed,
        )
        for target in shape.targets
    }
