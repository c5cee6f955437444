"""The only room that writes files which must survive: whatever kills us, old or new, never between.

A file is written beside its place, fsynced and renamed over it. A directory is staged, fsynced,
given a manifest of hashes last, and renamed into place; once published it never changes. Every
step between has a failpoint.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rather.disk import disk_faults
from rather.errors import DataError, EnvironmentFault
from rather.failpoints import failpoint

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a UTF-8 file so that a reader finds the old content or the new, never a part."""
    write_bytes(path, text.encode("utf-8"), mode)


def write_bytes(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file so that a reader finds the old content or the new, never a part.

    Raises EnvironmentFault when the disk is full or the place not writable.
    """
    with disk_faults(path):
        _remove_leftovers(path.parent, f".{path.name}.", ".tmp")
        temporary = path.parent / f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp"
        try:
            _write_synced(temporary, data, mode)
            failpoint("file.written")
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        failpoint("file.replaced")
        _fsync(path.parent)


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """Give a directory to fill; when the block ends well it appears as `target`, whole and hashed.

    A published directory never changes: an existing sound `target` raises FileExistsError, a
    broken one is set aside. When another process publishes the same target first, its copy stays.
    """
    _make_way(target)
    staging = target.parent / f".staging-{target.name}-{os.getpid()}"
    try:
        with disk_faults(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(target.parent, f".staging-{target.name}-")
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
        with disk_faults(target, not_writable=set()):
            yield staging
        with disk_faults(target):
            failpoint("directory.staged")
            _seal(staging)
            _publish(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def received(path: Path, sha256: str, fetch: Callable[[Path], None]) -> bool:
    """See to it that a file has these bytes, fetched where it has not; whether it had them.

    DataError where what was fetched has others; then the file is not there.
    """
    if path.exists() and file_digest(path)[0] == sha256:
        return True
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path.parent, f".{path.name}.", ".tmp")
        temporary = path.parent / f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp"
        try:
            fetch(temporary)
            if file_digest(temporary)[0] != sha256:
                raise DataError(f"{path} arrived with other bytes than it should have.")
            _fsync(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _fsync(path.parent)
    return False


def verify(directory: Path) -> list[str]:
    """Return what is wrong with a published directory, one sentence each; empty when it is sound.

    Names that begin with a dot are nobody's: file managers leave such files behind.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_text("utf-8"))
        files = {
            str(name): (str(f["sha256"]), int(f["size"])) for name, f in manifest["files"].items()
        }
        if manifest["format"] != MANIFEST_FORMAT:
            return [
                f"{directory / MANIFEST} has format {manifest['format']}, not {MANIFEST_FORMAT}"
            ]
    except FileNotFoundError:
        return [f"{directory / MANIFEST} is missing"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{directory / MANIFEST} cannot be read ({error})"]
    there = {name for name in _files(directory) if name != MANIFEST}
    problems = [f"{directory / name} is missing" for name in sorted(set(files) - there)]
    problems += [
        f"{directory / name} is not in the manifest"
        for name in sorted(there - set(files))
        if not any(part.startswith(".") for part in Path(name).parts)
    ]
    for name in sorted(there & set(files)):
        if file_digest(directory / name) != files[name]:
            problems.append(f"{directory / name} differs from its manifest")
    return problems


def newest_verified(
    parent: Path, prefix: str, warn: Callable[[str], None] = lambda line: None
) -> Path | None:
    """Return the sound directory `prefix*` with the highest number; broken ones are set aside."""
    for directory in reversed(_published(parent, prefix)):
        problems = verify(directory)
        if not problems:
            return directory
        aside = _set_aside(directory)
        warn(f"{directory} is damaged ({problems[0]}); it was moved to {aside.name}")
    return None


def prune(parent: Path, prefix: str, keep: int, spare: Set[str] = frozenset()) -> None:
    """Delete all but the newest `keep` directories `prefix*` and those whose names are spared.

    What a prune that was killed left behind goes too.
    """
    if keep < 1:
        raise ValueError("prune must keep at least one directory")
    with disk_faults(parent):
        for leftover in parent.glob(f".pruned-{prefix}*"):
            shutil.rmtree(leftover)
    for directory in _published(parent, prefix)[:-keep]:
        if directory.name not in spare:
            remove(directory)


def remove(directory: Path) -> None:
    """Delete a published directory; it is renamed before, so that it is never there in part."""
    doomed = directory.with_name(f".pruned-{directory.name}")
    with disk_faults(directory):
        os.rename(directory, doomed)
        failpoint("prune.renamed")
        shutil.rmtree(doomed)
        failpoint("prune.deleted")


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` against every other process; a dead holder's lock is free.

    Raises EnvironmentFault naming the holder when somebody else has it.
    """
    holder = path.with_name(path.name + ".holder")
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            who = holder.read_text("utf-8") if holder.exists() else "an unknown process"
            raise EnvironmentFault(
                f"{path.parent} is in use by {who}: wait until it ends, or stop it, and try again."
            ) from None
    try:
        write_text(holder, f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _make_way(target: Path) -> None:
    if target.exists():
        if not verify(target):
            raise FileExistsError(errno.EEXIST, "already published, and never changes", str(target))
        _set_aside(target)


def _seal(staging: Path) -> None:
    """Fsync all files, then write the manifest, so that a manifest proves what lies beside it."""
    files: dict[str, dict[str, Any]] = {}
    for name in sorted(_files(staging)):
        _fsync(staging / name)
        sha256, size = file_digest(staging / name)
        files[name] = {"sha256": sha256, "size": size}
    for folder in {(staging / name).parent for name in files}:
        _fsync(folder)
    failpoint("directory.synced")
    manifest = {"format": MANIFEST_FORMAT, "files": files}
    _write_synced(staging / MANIFEST, json.dumps(manifest, indent=1).encode("utf-8"), 0o666)
    _fsync(staging)
    failpoint("directory.manifest")


def _publish(staging: Path, target: Path) -> None:
    try:
        os.rename(staging, target)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST} or verify(target):
            raise
        return  # another process published the same target first; ours is dropped
    failpoint("directory.renamed")
    _fsync(target.parent)


def _set_aside(directory: Path) -> Path:
    for number in range(1, 1000):
        aside = directory.with_name(f".corrupt-{directory.name}-{number}")
        if not aside.exists():
            os.rename(directory, aside)
            return aside
    raise EnvironmentFault(f"{directory} was damaged 1000 times: check the disk.")


def _published(parent: Path, prefix: str) -> list[Path]:
    """Return the directories `prefix*`, those with lower numbers first."""

    def by_number(path: Path) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", path.name)
        return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]

    return sorted((p for p in parent.glob(f"{prefix}*") if p.is_dir()), key=by_number)


def _files(directory: Path) -> Iterator[str]:
    for path in directory.rglob("*"):
        if not path.is_dir():
            yield path.relative_to(directory).as_posix()


def file_digest(path: Path) -> tuple[str, int]:
    """SHA-256 of a file, and its bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, file.tell()


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        failpoint("file.opened")
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(parent: Path, prefix: str, suffix: str = "") -> None:
    """Remove what processes that died left behind: names `<prefix><pid>...<suffix>`."""
    for path in parent.glob(f"{prefix}*{suffix}"):
        pid = re.match(r"\d+", path.name[len(prefix) :])
        if pid and not _is_alive(int(pid[0])):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
