"""`import` and `export`: what people said, in from files and out to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rather.data.collected import Collected
from rather.data.exporting import ExportFormat
from rather.data.exporting import export as export_files
from rather.data.importing import ImportKind, OnError, SplitRule, read
from rather.records import Judgment
from rather.store import completions, judgments, labellers, prompts
from rather.workspace import Workspace

Result = dict[str, Any]
STORED_TOGETHER = 5000
"""Judgments imported in one transaction."""


def import_file(
    ws: Workspace,
    path: Path,
    kind: ImportKind | None = None,
    on_error: OnError = "stop",
    dry_run: bool = False,
) -> Result:
    """Bring prompts or feedback into the workspace; rows that cannot be used are listed."""
    rule = SplitRule(ws.config.seed, ws.config.heldout_fraction)
    found = read(path, kind, on_error=on_error, split=rule)
    for rejected in found.rejected[:20]:
        ws.progress.say(str(rejected))
    result = {
        "kind": found.kind,
        "rows": found.num_rows,
        "prompts": len(found.prompts),
        "completions": len(found.completions),
        "judgments": len(found.judgments),
        "rejected": [str(one) for one in found.rejected],
    }
    if not dry_run:
        result |= {
            "new_prompts": prompts.add(ws.db, found.prompts),
            "new_completions": completions.add(ws.db, found.completions),
            "new_labellers": labellers.add(ws.db, found.labellers),
            "new_judgments": _record(ws, found.judgments, path.name),
        }
    done = "would import" if dry_run else "imported"
    rejected_note = f"; {len(found.rejected)} rows rejected" if found.rejected else ""
    num_heldout = sum(one.split == "heldout" for one in found.prompts)
    summary = (
        f"{done} {path.name} as {found.kind}: {len(found.prompts)} prompts ({num_heldout} held "
        f"out), {len(found.judgments)} judgments{rejected_note}."
    )
    return {"summary": summary, **result}


def _record(ws: Workspace, found: Sequence[Judgment], name: str) -> int:
    """Store judgments a part at a time; how many were new. Broken off, the same import goes on."""
    new = 0
    with ws.progress.track(f"import {name}", len(found), "judgments") as task:
        for start in range(0, len(found), STORED_TOGETHER):
            part = found[start : start + STORED_TOGETHER]
            new += judgments.record_many(ws.db, part)
            task.advance(len(part))
    return new


def export(
    ws: Workspace, format: ExportFormat, out: Path | None = None, dry_run: bool = False
) -> Result:
    """Write prompts, completions and feedback in a format other tools read."""
    suffix = ".jsonl" if format in ("jsonl", "arena") else ""
    target = out or ws.root / f"export-{format}{suffix}"
    everything = Collected(
        prompts=tuple(prompts.all(ws.db)),
        completions=tuple(completions.all(ws.db)),
        labellers=tuple(labellers.all(ws.db)),
        judgments=tuple(judgments.all(ws.db)),
    )
    if dry_run:
        summary = f"would export {len(everything.judgments)} judgments to {target}."
        return {"summary": summary, "out": str(target)}
    written = export_files(everything, format, target)
    counts = ", ".join(f"{number} {name}" for name, number in written.counts.items())
    for name, dropped in written.dropped.items():
        for reason, number in dropped.counts.items():
            ws.progress.say(f"{name}: left out {number}: {reason}")
    return {
        "summary": f"exported to {target}: {counts}.",
        "out": str(target),
        "files": [str(file) for file in written.files],
        "counts": dict(written.counts),
        "dropped": {name: one.counts for name, one in written.dropped.items()},
    }
