"""A tree of files kept in object storage: complete or absent, each file by the hash of its bytes.

    objects/ab/ab12...          a file's bytes, under their SHA-256; many snapshots may share it
    snapshots/000007-<hash>     which files there are: path, SHA-256, bytes; written last

A snapshot that can be read whole (its name has the hash of what it says) names objects that all
were there before it. What a sender that was killed left behind is used by the next one. The clocks
of machines play no part: snapshots are numbered.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rather.bucket.place import Place
from rather.durable import received
from rather.errors import DataError, EnvironmentFault
from rather.failpoints import failpoint

FORMAT = 1
KEPT = 2
"""Snapshots that stay."""
NAME = re.compile(r"snapshots/(\d{6,})-([0-9a-f]{64})")


@dataclass(frozen=True)
class Entry:
    """A file as a snapshot has it."""

    sha256: str
    size: int

    @property
    def object(self) -> str:
        """The name of its bytes."""
        return f"objects/{self.sha256[:2]}/{self.sha256}"


@dataclass(frozen=True)
class Snapshot:
    """What was there when it was taken."""

    name: str
    files: Mapping[str, Entry]
    """By path in the tree, with slashes."""


def newest(place: Place) -> Snapshot | None:
    """The newest snapshot; None where there is none. DataError where none of them is sound."""
    names = _names(place)
    for name in reversed(names):
        if (found := _read(place, name)) is not None:
            return found
    if names:
        raise DataError(
            f"{place.shown} has {len(names)} snapshots, all damaged; push again from the machine "
            "that has the workspace."
        )
    return None


def send(
    place: Place,
    files: Mapping[str, tuple[Path, Entry]],
    advance: Callable[[int], None],
    note: Callable[[Snapshot], None] = lambda snapshot: None,
) -> tuple[Snapshot, int]:
    """Keep these files; returns the snapshot and how many bytes were not there before.

    `advance` hears of bytes, those that were there already too, `note` of the snapshot just before
    it is there.
    """
    there, sent = place.sizes("objects"), 0
    for path, entry in {entry.object: (path, entry) for path, entry in files.values()}.values():
        if there.get(entry.object) != entry.size:
            place.send(path, entry.object)
            sent += entry.size
            failpoint("bucket.object")
        advance(entry.size)
    _require_arrived(place, files)
    said = {path: [entry.sha256, entry.size] for path, (_, entry) in sorted(files.items())}
    data = json.dumps({"format": FORMAT, "files": said}, indent=0).encode()
    before = _names(place)
    number = 1 + max((_number(name) for name in before), default=0)
    name = f"snapshots/{number:06d}-{hashlib.sha256(data).hexdigest()}"
    failpoint("bucket.objects")
    made = Snapshot(name, {path: entry for path, (_, entry) in files.items()})
    note(made)
    place.write(name, data)
    failpoint("bucket.snapshot")
    _tidy(place, [*before, name])
    return made, sent


def receive(place: Place, snapshot: Snapshot, folder: Path, advance: Callable[[int], None]) -> int:
    """Bring a snapshot's files into a folder; returns how many were there already.

    DataError, naming the file, where its bytes are not those that were sent.
    """
    there = 0
    for path, entry in snapshot.files.items():
        try:
            there += received(folder / path, entry.sha256, partial(place.fetch, entry.object))
        except DataError:
            raise DataError(
                f"{path} in {place.shown} is damaged (its object {entry.object} has other bytes "
                "than were sent); remove that object and push again from where the workspace is."
            ) from None
        failpoint("bucket.received")
        advance(entry.size)
    return there


def _require_arrived(place: Place, files: Mapping[str, tuple[Path, Entry]]) -> None:
    there = place.sizes("objects")
    for path, (_, entry) in files.items():
        if there.get(entry.object) != entry.size:
            raise EnvironmentFault(
                f"{path} did not arrive in {place.shown} as it was sent ({entry.size} bytes); give "
                "the same command again."
            )


def _names(place: Place) -> list[str]:
    return sorted((name for name in place.sizes("snapshots") if NAME.fullmatch(name)), key=_number)


def _number(name: str) -> int:
    found = NAME.fullmatch(name)
    assert found
    return int(found[1])


def _read(place: Place, name: str) -> Snapshot | None:
    """A snapshot; None where it is not whole."""
    data = place.read(name)
    if not name.endswith(hashlib.sha256(data).hexdigest()):
        return None
    said = json.loads(data)
    if said["format"] != FORMAT:
        raise DataError(
            f"{place.shown}/{name} was written by a newer version of rather: upgrade it here."
        )
    for path in said["files"]:
        if path.startswith("/") or ".." in Path(path).parts:
            raise DataError(f"{place.shown}/{name} names {path}, which is outside a workspace.")
    return Snapshot(name, {path: Entry(*entry) for path, entry in said["files"].items()})


def _tidy(place: Place, names: list[str]) -> None:
    """Let old snapshots go, and the objects that only they named."""
    kept = [one for name in names[-KEPT:] if (one := _read(place, name)) is not None]
    needed = {entry.object for one in kept for entry in one.files.values()}
    for name in names[:-KEPT]:
        old = _read(place, name)
        place.remove(name)  # first: a snapshot's objects are there as long as it is
        for entry in old.files.values() if old else ():
            if entry.object not in needed:
                place.remove(entry.object)
