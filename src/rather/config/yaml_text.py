"""YAML in and out, without its traps: 1.2 scalars, no duplicate keys, no tags, no aliases.

`1e-5` is a number, `no` and `2026-01-01` are text, `010` is ten. Every value keeps its line number.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

# The C parser is ten times as fast; the nodes are the same.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_TRUE = re.compile(r"(?:true|True|TRUE)\Z")
_FALSE = re.compile(r"(?:false|False|FALSE)\Z")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_PLAIN_TAGS = {"null", "bool", "int", "float", "str", "timestamp", "merge", "value"}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*\Z")


@dataclass
class Document:
    """What a YAML text says, where it says it, and what is wrong with its form."""

    values: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)
    """Line of each dotted path, from 1."""
    problems: list[tuple[int, str]] = field(default_factory=list)
    """Line and sentence."""
    seen: set[int] = field(default_factory=set)
    """Nodes read so far: one met twice is an alias."""


def parse_document(text: str) -> Document:
    """Read a YAML mapping; what is malformed lands in `problems`, never in an exception."""
    document = Document({})
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The end of the text counts as a line of its own to the parser, not to people.
        line = min(mark.line, text.rstrip().count("\n")) + 1 if mark else 1
        document.problems.append((line, f"not valid YAML: {error.problem or error.context}"))
        return document
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        document.problems.append((line, f"not valid YAML: {error.reason}"))
        return document
    if isinstance(root, yaml.MappingNode):
        document.values = _mapping(root, "", document)
    elif root is not None and not _is_null(root):
        document.problems.append((1, "must be a list of `setting: value` lines"))
    return document


def parse_value(text: str) -> Any:
    """Read one value as YAML would, for example `1e-5`, `null` or `[0.7, 1.0]`; else the text."""
    document = parse_document(f"value: {text}")
    if document.problems or set(document.values) != {"value"}:
        return text
    return document.values["value"]


def format_value(value: Any) -> str:
    """Write one value so that this module and any YAML 1.1 reader read it back the same."""
    if isinstance(value, str):
        is_plain = _PLAIN.match(value) and yaml.safe_load(value) == value == parse_value(value)
        return value if is_plain else json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, tuple | list):
        return f"[{', '.join(format_value(item) for item in value)}]"
    if isinstance(value, float):
        text = repr(value)
        # YAML 1.1 takes 1e-05 for text; with a point it is a number to everybody.
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    return json.dumps(value)


def _mapping(node: yaml.MappingNode, prefix: str, document: Document) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.problems.append((line, f"{prefix or 'the file'} has a key that is not a name"))
            continue
        name = key_node.value
        path = f"{prefix}.{name}" if prefix else name
        if name in values:
            first = document.lines[path]
            document.problems.append((line, f"{path} was set before, in line {first}"))
            continue
        document.lines[path] = line
        values[name] = _value(value_node, path, document)
    return values


def _value(node: yaml.Node, path: str, document: Document) -> Any:
    line = node.start_mark.line + 1
    if id(node) in document.seen:  # an alias hides a value, and can make a small file endless
        document.problems.append((line, f"{path}: aliases (*name) are not supported"))
        return None
    document.seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, path, document) for item in node.value]
    if _has_tag(node):
        document.problems.append((line, f"{path} has the tag {node.tag}: tags are not supported"))
    return node.value if node.style else _scalar(node.value)


def _scalar(text: str) -> Any:
    if _NULL.match(text):
        return None
    if _TRUE.match(text) or _FALSE.match(text):
        return bool(_TRUE.match(text))
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _NUMBER.match(text) else text


def _has_tag(node: yaml.Node) -> bool:
    return node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and _scalar(node.value) is None


def iter_leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give each dotted path of nested dictionaries with its value; `__` counts as a dot."""
    for name, value in values.items():
        path = prefix + name.replace("__", ".")
        if isinstance(value, dict):
            yield from iter_leaves(value, f"{path}.")
        else:
            yield path, value
