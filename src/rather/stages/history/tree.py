"""A version's lineage as text: a tree with lines, every version told once."""

from collections.abc import Iterator, Mapping
from typing import Any

from rather.config.yaml_text import format_value

NUM_DIGITS = 8
"""Of a hash that is shown."""
NUM_CHARACTERS = 60
"""Of a guidelines' text."""


def drawn(node: Mapping[str, Any], guidelines: Mapping[str, str]) -> str:
    """The tree below a version, and the texts its labellers were guided by."""
    lines = list(_version(node, set(), ""))
    if guidelines:
        lines += ["", "guidelines:"]
    for hash, text in guidelines.items():
        first = " ".join(text.split())
        cut = "…" if len(first) > NUM_CHARACTERS else ""
        lines.append(f"  {hash[:NUM_DIGITS]}  {first[:NUM_CHARACTERS]}{cut}")
    return "\n".join(lines)


def _version(node: Mapping[str, Any], told: set[str], indent: str) -> Iterator[str]:
    if node["name"] in told:
        yield f"{node['name']}  (as above)"
        return
    told.add(node["name"])
    yield f"{node['name']}  {node['created_at'][:16].replace('T', ' ')}, run {node['run_id']}"
    parents = node["parents"]
    for line in _about(node):
        yield f"{indent}{'│' if parents else ' '}    {line}"
    for place, parent in enumerate(parents, start=1):
        is_last = place == len(parents)
        lines = _version(parent, told, indent + ("   " if is_last else "│  "))
        yield f"{indent}{'└─' if is_last else '├─'} {next(lines)}"
        yield from lines


def _about(node: Mapping[str, Any]) -> Iterator[str]:
    several = node.get("ensemble", 1)
    yield (
        f"{f'{several} models, ' if several > 1 else ''}from {node.get('start', 'base')} on "
        f"{node.get('base')}, seed {node.get('seed')}, data {_short(node, 'data_digest')}"
    )
    yield (
        f"weights {_short(node, 'base_fingerprint')}, tokenizer {_short(node, 'tokenizer_hash')}, "
        f"template {_short(node, 'template_hash')}"
    )
    changed = node["changed_settings"]
    if changed:
        settings = ", ".join(f"{key} {format_value(value)}" for key, value in changed.items())
        yield f"settings not at their defaults: {settings}"
    if node.get("stopped"):
        yield f"stopped: {node['stopped']}"
    if node["prompts"] is None:
        yield "what it learnt from was not kept: an older rather made it"
        return
    yield from _judgments(node)


def _judgments(node: Mapping[str, Any]) -> Iterator[str]:
    said = node["judgments"]
    if not said["count"]:
        yield f"{node['prompts']} prompts"
        return
    yield f"{said['count']} judgments of {node['prompts']} prompts{_withdrawn(said)}"
    for one in said["by"]:
        who = f"{one['name']}{'' if one['is_simulated'] else ' (' + one['labeller'] + ')'}"
        by = (
            f"guidelines {one['guidelines'][:NUM_DIGITS]}" if one["guidelines"] else "no guidelines"
        )
        yield f"  {who}: {one['count']} {one['kind']}, {by}{_withdrawn(one)}"


def _withdrawn(counted: Mapping[str, Any]) -> str:
    return f" ({counted['withdrawn']} withdrawn since)" if counted["withdrawn"] else ""


def _short(node: Mapping[str, Any], key: str) -> str:
    return str(node[key])[:NUM_DIGITS] if node.get(key) else "not kept"
