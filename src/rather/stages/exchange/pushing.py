"""`push`: the workspace as it is now into object storage, complete or not there at all."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rather.bucket import snapshots
from rather.bucket.place import Place
from rather.bucket.snapshots import Entry, Snapshot
from rather.config.address import is_address, masked
from rather.config.template import commented_yaml
from rather.durable import MANIFEST, file_digest, verify, write_text
from rather.errors import UsageError
from rather.progress import Progress
from rather.stages.stage import Result
from rather.store.copying import copy_database
from rather.workspace import CONFIG_FILE, DATABASE_FILE, MARKER_FILE, Workspace

PUSHED = ".rather-pushed.json"
"""Which snapshot of each address this folder is or came from, and the one before: a push that is
killed may have written the newer one or not."""
SERVED = "runs/served"
"""A step's weights on their way to vLLM: made again when they are needed."""
LEFT_OUT = (".lock", ".lock.holder", ".tmp")
IGNORED = ".gitignore"
"""The one hidden file that goes along: it keeps the secret of a folder out of its repository."""

Files = dict[str, tuple[Path, Entry]]


def push(ws: Workspace, address: str, *, dry_run: bool = False, force: bool = False) -> Result:
    """Keep the workspace at an address: its files, and of a SQLite database a sound copy.

    UsageError where somewhere else pushed there since, unless forced.
    """
    place = Place.at(address)
    found = snapshots.newest(place)
    mine = _read_pushed(ws.root).get(place.shown, [])
    if found is not None and found.name not in mine and not force:
        raise UsageError(
            f"{place.shown} holds {found.name}, which this folder was not pushed as or pulled "
            "from; pull it into another folder, choose another address, or give --force to put "
            "this one in its place."
        )
    with TemporaryDirectory(prefix="rather-push-") as scratch:
        files, damaged, left_out = _gathered(ws, Path(scratch))
        total = sum(entry.size for _, entry in files.values())
        told = {
            "to": place.shown,
            "files": len(files),
            "bytes": total,
            "damaged": damaged,
            "left_out": left_out,
        }
        if dry_run:
            summary = f"would push {len(files)} files ({_mb(total)}) to {place.shown}"
            return {"summary": f"{summary}{_notes(damaged, left_out)}.", **told}
        with ws.progress.track("pushing", total, "bytes") as task:
            note = partial(note_pushed, ws.root, place.shown)
            made, sent = snapshots.send(place, files, task.advance, note)
    summary = (
        f"pushed {len(files)} files ({_mb(total)}, {_mb(sent)} of it new) to {place.shown}"
        f"{_notes(damaged, left_out)}; `rather pull {place.shown} DIR` brings them elsewhere"
    )
    return {"summary": summary, "snapshot": made.name, "sent_bytes": sent, **told}


def note_pushed(root: Path, shown: str, snapshot: Snapshot) -> None:
    """Remember which snapshot of an address a folder is."""
    known = _read_pushed(root)
    known[shown] = [*known.get(shown, []), snapshot.name][-2:]
    write_text(root / PUSHED, json.dumps(known, indent=1) + "\n")


def _read_pushed(root: Path) -> dict[str, list[str]]:
    if not (root / PUSHED).exists():
        return {}
    known: dict[str, list[str]] = json.loads((root / PUSHED).read_text("utf-8"))
    return known


def _gathered(ws: Workspace, scratch: Path) -> tuple[Files, list[str], list[str]]:
    """Files by their path in the workspace; folders that are damaged; what stays here."""
    # the database first: a version that it names has its folder already
    files, left_out = _own(ws, scratch), ["the secret that signs links"]
    if ws.db.path is None:
        left_out.append(f"the database on its server, {ws.db.where}")
    damaged: list[str] = []
    for path, entry in _tree(ws.root, damaged):
        files.setdefault(path.relative_to(ws.root).as_posix(), (path, entry))
    return files, damaged, left_out


def _own(ws: Workspace, scratch: Path) -> Files:
    """Configuration and database, as they may leave this machine."""
    address = ws.config.database
    written = scratch / CONFIG_FILE
    if address is not None and masked(address) != address:
        without = ws.config.model_copy(update={"database": None})
        written.write_text(commented_yaml(without), "utf-8")
    else:
        written.write_bytes((ws.root / CONFIG_FILE).read_bytes())
    made = {CONFIG_FILE: written, MARKER_FILE: ws.root / MARKER_FILE}
    if ws.db.path is not None:
        where = address or DATABASE_FILE
        if is_address(where) or (ws.root / where).resolve().parent != ws.root.resolve():
            raise UsageError(
                f"The database {ws.db.where} is not in the workspace's folder; put it there "
                "(`rather db copy`), or on a PostgreSQL server, before the workspace is pushed."
            )
        copy_database(ws.db, str(scratch / where), Progress(quiet=True))
        made[where] = scratch / where
    return {name: (path, Entry(*file_digest(path))) for name, path in made.items()}


def _tree(root: Path, damaged: list[str]) -> Iterator[tuple[Path, Entry]]:
    """Every file that goes along; sealed folders as a whole, and only where they are sound."""
    for path in sorted(root.iterdir()):
        yield from _below(path, root, damaged)


def _below(path: Path, root: Path, damaged: list[str]) -> Iterator[tuple[Path, Entry]]:
    inside = path.relative_to(root).as_posix()
    is_hidden = path.name.startswith(".") and inside != IGNORED
    if is_hidden or path.name.endswith(LEFT_OUT) or inside == SERVED:
        return
    if inside.startswith(DATABASE_FILE):  # a copy of it goes along; here it is being written
        return
    if path.is_file():
        yield path, Entry(*file_digest(path))
    elif path.is_dir():
        if (path / MANIFEST).exists() and verify(path):
            damaged.append(inside)
            return
        for one in sorted(path.iterdir()):
            yield from _below(one, root, damaged)


def _notes(damaged: list[str], left_out: list[str]) -> str:
    told = f", without {' and '.join(left_out)}"
    if damaged:
        told += f"; {len(damaged)} damaged folders were left out ({', '.join(damaged)})"
    return told


def _mb(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.1f} MB"
