"""What sweeps found, in words and columns; read without torch."""

from functools import partial
from typing import Any

from rather.stages.measuring.kept import newest
from rather.store import versions
from rather.workspace import Workspace

RESULT_FILE = "sweep.json"
DECIDING = ("gold", "heldout", "judge", "reward")
"""Whose score decides: the first there is. The last is what the run was tuned on."""
NAMES = {
    "gold": "gold score",
    "heldout": "held-out reward",
    "judge": "independent score",
    "reward": "reward",
}
Result = dict[str, Any]


def newest_results(ws: Workspace) -> list[Result]:
    """The newest sweep of every version that has one, in the order of the versions."""
    found = [
        newest(ws, RESULT_FILE, partial(_is_of, version.name)) for version in versions.all(ws.db)
    ]
    return [one for one in found if one is not None]


def _is_of(version: str, result: Result) -> bool:
    is_readable = all("baseline_kl" in point for point in result["points"])  # by this release
    return is_readable and bool(result["version"] == version)


def sentence(result: Result) -> str:
    """What the sweep shows, in a line or two."""
    said = f"{result['version']}: {result['chosen']['reason']}"
    turned = result["over_optimised_from"]
    if turned is not None:
        name = NAMES[result["decided_by"]]
        said += f" After step {turned} the reward goes on rising while the {name} falls."
    if result["decided_by"] == "reward":
        said += " Only the reward it was tuned on says so, which cannot tell over-optimisation."
    return said


def as_table(result: Result) -> str:
    """The points in columns, and what they say; * is on the frontier, > the one to take."""
    roles = [role for role in DECIDING if role in result["scorers"]]
    lines = ["    step  KL (nats)  " + "  ".join(f"{NAMES[role]:>17}" for role in roles)]
    for point in result["points"]:
        means = "  ".join(f"{point['means'][role]:>17.3f}" for role in roles)
        mark = "*" if point["is_on_frontier"] else " "
        mark = ">" if point["step"] == result["chosen"]["step"] else mark
        lines.append(f"  {mark} {point['step']:>4}  {point['kl']:>9.2f}  {means}")
    return "\n".join([*lines, sentence(result)])
