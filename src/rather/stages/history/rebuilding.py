"""The commands that make versions again, with the settings that made them."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rather.config.yaml_text import format_value, iter_leaves
from rather.records import ModelVersion
from rather.store import versions
from rather.workspace import Workspace


def commands(ws: Workspace, names: Sequence[str]) -> list[str]:
    """One command a version, in the order in which they were made.

    What was made from another of them is told to begin from its successor, by the name that one
    will have.
    """
    known = versions.all(ws.db)
    successors = _successors(known, names)
    found = []
    for version in (one for one in known if one.name in names):
        flags = " ".join(_flags(ws, version, successors))
        found.append(f"rather {version.stage} {flags}".rstrip())
    return found


def _successors(known: Sequence[ModelVersion], names: Sequence[str]) -> dict[str, str]:
    """What each version will be called that is made again, one after another."""
    highest: dict[str, int] = {}
    for version in known:
        number = int(version.name.rsplit("-", 1)[1])
        highest[version.stage] = max(number, highest.get(version.stage, 0))
    successors = {}
    for version in (one for one in known if one.name in names):
        highest[version.stage] += 1
        successors[version.name] = f"{version.stage}-{highest[version.stage]}"
    return successors


def _flags(ws: Workspace, version: ModelVersion, successors: Mapping[str, str]) -> list[str]:
    card, stage = version.provenance, version.stage
    given = dict(iter_leaves(card["section"]))
    given["start"] = card.get("start", given["start"])
    if "reward" in given:
        given["reward"] = _resolved(str(given["reward"]), version)
    now = dict(iter_leaves(getattr(ws.config, stage).model_dump(mode="json")))
    flags = []
    for key, value in given.items():
        wanted = _renamed(value, successors)
        if key in now and wanted != now[key]:
            flags.append(_flag(f"{stage}.{key}", wanted))
    if given.get("seed") is None and card["seed"] != ws.config.seed:
        flags.append(_flag("seed", card["seed"]))
    if given["start"] == "base" and card["base"] != ws.config.model:
        flags.append(_flag("model", card["base"]))
    return flags


def _resolved(reward: str, version: ModelVersion) -> str:
    """A reward's text with the version in it that `newest` stood for."""
    rewards = [one for one in version.parents if one.startswith("reward-")]
    return re.sub(r"\bnewest\b", rewards[0], reward) if rewards else reward


def _renamed(value: Any, successors: Mapping[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    return re.sub(r"\b\w+-\d+\b", lambda name: successors.get(name[0], name[0]), value)


def _flag(path: str, value: Any) -> str:
    """A setting as the command line takes it."""
    head, dot, last = path.replace("_", "-").rpartition(".")
    if isinstance(value, bool):
        return f"--{head}{dot}{'' if value else 'no-'}{last}"
    text = value if isinstance(value, str) else format_value(value)
    return f"--{head}{dot}{last} {shlex.quote(text)}"
