"""The model cards of the versions that were evaluated, beside the report.

A published version never changes, so its card with the numbers of the newest evaluation stands in
`cards/<version>/README.md`; whoever uploads the version puts it over the short one inside.
"""

from pathlib import Path

from rather.durable import write_text
from rather.models.embedded import HUB_ID
from rather.records import ModelVersion
from rather.report.card import About, card
from rather.report.model import Report
from rather.store import versions
from rather.workspace import Workspace

FOLDER = "cards"


def write_cards(ws: Workspace, report: Report) -> list[Path]:
    """Write the card of every evaluated version; return the files."""
    known = {version.name: version for version in versions.all(ws.db)}
    written = []
    for policy in report.policies:
        if policy.name in known:
            path = ws.root / FOLDER / policy.name / "README.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, card(about(ws, known[policy.name]), report))
            written.append(path)
    return written


def about(ws: Workspace, version: ModelVersion) -> About:
    """What a version's card says of it beside its numbers."""
    promoted = version.provenance.get("promoted_because")
    return About(
        name=version.name,
        stage=version.stage,
        base_model=HUB_ID if version.base == "embedded" else _public(ws, version.base),
        is_adapter=(ws.root / version.path / "adapter_config.json").exists(),
        start=str(version.provenance.get("start", "base")),
        why=f"a checkpoint of {version.parents[0]}: {promoted}" if promoted else "",
    )


def _public(ws: Workspace, base: str) -> str:
    """A hub id as it is; of a folder its name alone, which tells nothing about this machine."""
    return Path(base).name if Path(base).is_absolute() or (ws.root / base).exists() else base
