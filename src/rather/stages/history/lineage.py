"""`lineage`: what made a version, down to the judgments, and what made what it grew from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rather.config.yaml_text import iter_leaves
from rather.errors import UsageError
from rather.models.source import LEARNT_FILE, read_json
from rather.records import Judgment, Labeller, Learnt, ModelVersion
from rather.stages.history.tree import drawn
from rather.store import guidelines, judgments, labellers, prompts, versions
from rather.workspace import Workspace

COPIED = (
    "base", "base_fingerprint", "codec_fingerprint", "tokenizer_hash", "template_hash", "start",
    "seed", "data_digest", "software", "stopped", "ensemble",
)  # fmt: skip
"""What a version's own card says of it."""


def lineage(ws: Workspace, name: str) -> dict[str, Any]:
    """The tree of a version: settings, seeds, hashes, prompts, judgments, parents."""
    known = {version.name: version for version in versions.all(ws.db)}
    if name not in known:
        made = ", ".join(known) or "none yet"
        raise UsageError(f"There is no version {name}; this workspace has {made}.")
    past = Past.of(ws)
    tree = _node(ws, known, past, known[name])
    asked = {one["guidelines"] for one in _groups(tree) if one["guidelines"]}
    texts = {key: text for key, text in guidelines.all(ws.db).items() if key in asked}
    return {
        "summary": f"{name} has {_num_ancestors(tree)} versions before it.",
        "text": drawn(tree, texts),
        "version": tree,
        "guidelines": texts,
    }


@dataclass(frozen=True)
class Past:
    """All that was ever judged, looked up by id."""

    events: dict[str, Judgment]
    counting: frozenset[str]
    """Ids of the judgments that count now."""
    people: dict[str, Labeller]
    splits: dict[str, str]
    """Of prompts, by id."""

    @classmethod
    def of(cls, ws: Workspace) -> "Past":
        """The store's."""
        return cls(
            {one.id: one for one in judgments.all(ws.db)},
            frozenset(one.id for one in judgments.live(ws.db)),
            {one.id: one for one in labellers.all(ws.db)},
            {one.id: one.split for one in prompts.all(ws.db)},
        )


def learnt_by(ws: Workspace, version: ModelVersion) -> Learnt | None:
    """What a version learnt from; None where it was made before that was kept."""
    kept = read_json(ws.root / version.path / LEARNT_FILE)
    return Learnt(tuple(kept["judgments"]), tuple(kept["prompts"])) if kept else None


def _node(
    ws: Workspace, known: dict[str, ModelVersion], past: Past, version: ModelVersion
) -> dict[str, Any]:
    card, learnt = version.provenance, learnt_by(ws, version)
    return {
        "name": version.name,
        "stage": version.stage,
        "created_at": version.created_at,
        "run_id": version.run_id,
        "path": version.path,
        **{key: card[key] for key in COPIED if key in card},
        "settings": card.get("section", {}),
        "changed_settings": _changed(ws, version),
        "judgments": None if learnt is None else _told(past, learnt.judgments),
        "prompts": None if learnt is None else len(learnt.prompts),
        "parents": [_node(ws, known, past, known[one]) for one in version.parents if one in known],
    }


def _changed(ws: Workspace, version: ModelVersion) -> dict[str, Any]:
    """The settings of its stage that were not at their defaults."""
    defaults = dict(iter_leaves(type(getattr(ws.config, version.stage))().model_dump(mode="json")))
    given = dict(iter_leaves(version.provenance.get("section", {})))
    return {key: value for key, value in given.items() if defaults.get(key, value) != value}


def _told(past: Past, ids: Sequence[str]) -> dict[str, Any]:
    """Judgments by labeller, guidelines and kind; `withdrawn` ones do not count any more."""
    groups: Counter[tuple[str, str, str]] = Counter()
    withdrawn: Counter[tuple[str, str, str]] = Counter()
    for id in ids:
        event = past.events.get(id)
        key = (event.labeller_id, event.guidelines_hash, event.kind) if event else ("", "", "")
        groups[key] += 1
        withdrawn[key] += id not in past.counting
    return {
        "count": len(ids),
        "withdrawn": withdrawn.total(),
        "by": [
            {
                "labeller": who,
                "name": past.people[who].name if who in past.people else "unknown",
                "is_simulated": who in past.people and past.people[who].is_simulated,
                "guidelines": hash,
                "kind": kind,
                "count": number,
                "withdrawn": withdrawn[who, hash, kind],
            }
            for (who, hash, kind), number in groups.items()
        ],
    }


def _groups(node: dict[str, Any]) -> list[dict[str, Any]]:
    own = node["judgments"]["by"] if node["judgments"] else []
    return [*own, *(group for parent in node["parents"] for group in _groups(parent))]


def _num_ancestors(node: dict[str, Any]) -> int:
    def names(of: dict[str, Any]) -> set[str]:
        return {of["name"]}.union(*(names(parent) for parent in of["parents"]))

    return len(names(node)) - 1
