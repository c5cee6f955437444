"""The result files: what was measured, on which machine, with which versions; written whole."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from rather.durable import write_text

FOLDER = Path(__file__).resolve().parents[1] / "results"
SPEED = FOLDER / "speed.json"
LINEAR = FOLDER / "linear.json"
WRITTEN = (":(top,exclude)benchmarks/results", ":(top,exclude)docs")
"""What measuring writes."""
UNKNOWN = "unknown"
"""The revision of a copy without its history."""
FLAGS_THAT_MATTER = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")


def machine() -> dict[str, Any]:
    """Name, cores, memory and the instruction sets that decide how fast a matrix multiplies."""
    told = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    facts = {key.strip(): text.strip() for key, _, text in (line.partition(":") for line in told)}
    flags = set(facts.get("flags", "").split())
    return {
        "processor": f"{facts.get('model name', platform.processor())} "
        f"(family {facts.get('cpu family', '?')}, model {facts.get('model', '?')})",
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "flags": [flag for flag in FLAGS_THAT_MATTER if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
    }


def revision() -> str:
    """The commit that is measured, with a + where a file differs that is not a result itself."""
    try:
        commit = _git("describe", "--always")
        changed = _git("status", "--porcelain", "--", ":/", *WRITTEN)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return commit + "+" * bool(changed)


def keep(
    file: Path,
    name: str,
    found: Mapping[str, Any],
    asked: Mapping[str, Any] | None = None,
    measured: str | None = None,
) -> None:
    """Put one workload's measurement into a result file, in place of an older one.

    `asked` is what was to be measured, JSON-able, for `is_kept`; `measured` the revision that was,
    where measuring takes so long that something may be committed meanwhile.
    """
    known = _known(file)
    stamp = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds")}
    about = {**stamp, "revision": measured or revision(), "machine": machine()}
    known[name] = {**about, **({"asked": asked} if asked else {}), **found}
    write_text(file, json.dumps(known, indent=1) + "\n")


def is_kept(file: Path, name: str, asked: Mapping[str, Any]) -> bool:
    """Whether a file has all that is asked for, of this very revision, from this machine."""
    now, found = revision(), _known(file).get(name, {})
    is_sure = now != UNKNOWN and not now.endswith("+")
    wanted = {"revision": now, "machine": machine(), "asked": asked}
    return is_sure and not found.get("failed") and all(found.get(k) == wanted[k] for k in wanted)


def _known(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _git(*command: str) -> str:
    said = subprocess.run(["git", *command], cwd=FOLDER, capture_output=True, text=True, check=True)
    return said.stdout.strip()


def spread(numbers: Sequence[float]) -> str:
    """A median with the lowest and the highest: `3.19 [3.14, 3.24]`; alone where there is one."""
    middle = f"{median(numbers):.2f}"
    if len(numbers) == 1:
        return middle
    return f"{middle} [{min(numbers):.2f}, {max(numbers):.2f}]"
