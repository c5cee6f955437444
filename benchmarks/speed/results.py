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
    """The commit that is measured, with a + where files differ from it."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            cwd=FOLDER, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # a copy without its history
    return said.stdout.strip()


def keep(file: Path, name: str, found: Mapping[str, Any]) -> None:
    """Put one workload's measurement into a result file, in place of an older one."""
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    stamp = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds")}
    known[name] = {**stamp, "revision": revision(), "machine": machine(), **found}
    write_text(file, json.dumps(known, indent=1) + "\n")


def spread(numbers: Sequence[float]) -> str:
    """A median with the lowest and the highest: `3.19 [3.14, 3.24]`; alone where there is one."""
    middle = f"{median(numbers):.2f}"
    if len(numbers) == 1:
        return middle
    return f"{middle} [{min(numbers):.2f}, {max(numbers):.2f}]"
