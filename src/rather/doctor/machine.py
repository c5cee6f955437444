"""The machine: the database is sound, the disk has room, no package has a known hole."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.version import Version

from rather.doctor.advisories import FLOORS, Floor
from rather.doctor.finding import NUM_SHOWN, Check, Finding, ok
from rather.doctor.patient import Patient

GIB = 1 << 30
ROOM_FOR_ADAPTERS = 1 * GIB
"""What a few adapters with their optimizers, the store and a report take at the very most."""
CHECKPOINTS_AT_ONCE = 3
"""Two are kept while the next one is written."""
TRAINED_TO_STORED = 6
"""Float32 weights with two moments, 12 bytes, for a weight stored in bfloat16, 2 bytes."""


def database(patient: Patient) -> Finding:
    """SQLite's own integrity check, or what a server says of itself."""
    db = patient.ws.db
    wrong = db.check()
    if not wrong:
        return ok("the integrity check finds nothing wrong")
    backup = "restore the newest backup that is sound"
    mend = f"copy {db.where} away, then {backup}"
    if db.path is None:
        mend = f"have the administrator of {db.where} mend this, or {backup} (docs/teams.md)"
    return Finding(
        "problem",
        f"the integrity check finds {len(wrong)} faults",
        "judgments may be lost or read wrongly",
        mend,
        tuple(wrong[:NUM_SHOWN]),
    )


def disk(patient: Patient) -> Finding:
    """Room for checkpoints of what the configuration trains."""
    config = patient.ws.config
    sections = {"sft": config.sft, "reward": config.reward, "ppo": config.ppo, "dpo": config.dpo}
    full = [name for name, one in sections.items() if one.adapter.tuning == "full"]
    needed = ROOM_FOR_ADAPTERS
    if full:
        stored = size_of_weights(patient.library.folder_of("base"))
        needed += CHECKPOINTS_AT_ONCE * TRAINED_TO_STORED * stored
    free = shutil.disk_usage(patient.ws.root).free
    found = f"{free / GIB:.1f} GiB are free, about {needed / GIB:.1f} GiB are wanted"
    if free >= needed:
        return ok(found)
    why = f" (all weights are trained by {', '.join(full)})" if full else ""
    return Finding(
        "problem",
        found + why,
        "a checkpoint that does not fit stops the run, and judgments can no longer be stored",
        "free some space, move the workspace, or train adapters (tuning: lora)",
    )


def packages(patient: Patient) -> Finding:
    """Installed packages against the releases that mended a known hole."""
    names = list(dict.fromkeys(floor.package for floor in FLOORS))
    here = {name: release for name in names if (release := installed(name)) is not None}
    holes = [floor for floor in FLOORS if is_below(here.get(floor.package), floor)]
    if not holes:
        return ok(f"{len(here)} of {len(names)} listed packages are installed, none has a hole")
    wanted: dict[str, Version] = {}
    for floor in holes:
        wanted[floor.package] = max(wanted.get(floor.package, Version("0")), Version(floor.release))
    return Finding(
        "problem",
        f"{len(wanted)} of {len(here)} installed packages have known holes",
        "somebody who reaches this machine, or whose files it reads, could use them",
        "pip install -U " + " ".join(f"'{name}>={one}'" for name, one in wanted.items()),
        tuple(
            f"{one.package} {here[one.package]}: {one.hole} ({one.advisory}, mended in "
            f"{one.release})"
            for one in holes
        ),
    )


def installed(package: str) -> str | None:
    """The installed release of a package, None where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def is_below(release: str | None, floor: Floor) -> bool:
    """Whether an installed release is older than the one that mended the hole."""
    return release is not None and Version(release) < Version(floor.release)


def size_of_weights(folder: Path) -> int:
    """Bytes of a model folder's weights."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


CHECKS = (
    Check("machine", "database", "Is the database sound?", database, "environment"),
    Check("machine", "disk", "Is there room for the checkpoints of a run?", disk, "environment"),
    Check(
        "machine",
        "packages",
        "Is any installed package older than a release that mended a known hole?",
        packages,
        "environment",
    ),
)
