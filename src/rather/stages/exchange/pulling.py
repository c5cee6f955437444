"""`pull`: a workspace out of object storage into a folder, to go on there by the same commands."""

from dataclasses import replace
from pathlib import Path

from rather.bucket import snapshots
from rather.bucket.place import Place
from rather.errors import UsageError
from rather.progress import Progress
from rather.stages.exchange.pushing import note_pushed
from rather.stages.stage import Result
from rather.workspace import MARKER_FILE, is_workspace


def pull(address: str, folder: Path, progress: Progress, *, dry_run: bool = False) -> Result:
    """Bring the newest snapshot at an address into a folder that is no workspace yet.

    What an earlier pull brought before it was broken off is kept. The folder becomes a workspace
    last, when all of it is there and has the bytes that were sent.
    """
    place, root = Place.at(address), folder.resolve()
    if is_workspace(root):
        raise UsageError(f"{root} is a workspace already: pull into another folder.")
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file: choose another name for the workspace.")
    found = snapshots.newest(place)
    if found is None or MARKER_FILE not in found.files:
        raise UsageError(f"There is no workspace at {place.shown}; `rather push` puts one there.")
    total = sum(entry.size for entry in found.files.values())
    told = {"from": place.shown, "workspace": str(root), "files": len(found.files), "bytes": total}
    if dry_run:
        summary = f"would pull {len(found.files)} files ({total / 1e6:.1f} MB) into {root}."
        return {"summary": summary, **told}
    marker = {MARKER_FILE: found.files[MARKER_FILE]}
    others = {path: entry for path, entry in found.files.items() if path not in marker}
    with progress.track("pulling", total, "bytes") as task:
        there = snapshots.receive(place, replace(found, files=others), root, task.advance)
        note_pushed(root, place.shown, found)
        snapshots.receive(place, replace(found, files=marker), root, task.advance)
    kept = f", {there} of which were there" if there else ""
    return {
        "summary": f"pulled {len(found.files)} files ({total / 1e6:.1f} MB{kept}) into {root}; the "
        "same commands go on there (people log in by new links)",
        "snapshot": found.name,
        **told,
    }
