"""The contract as TypeScript, for the pages: `python -m rather.web.typescript FILE` writes it.

Generators for npm exist (openapi-typescript, json-schema-to-typescript); they bring a compiler or a
formatter of tens of megabytes for what is a page here, and the first refuses TypeScript 7.
"""

import importlib
import inspect
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from rather.web import contract
from rather.web.contract.shape import Shape

HEAD = "// Made from src/rather/web/contract by `python -m rather.web.typescript`; not by hand.\n"
Schema = dict[str, Any]


def shapes() -> list[type[Shape]]:
    """Every shape of the contract, by name."""
    found: dict[str, type[Shape]] = {}
    for module in pkgutil.iter_modules(contract.__path__):
        for value in vars(importlib.import_module(f"{contract.__name__}.{module.name}")).values():
            if inspect.isclass(value) and issubclass(value, Shape) and value is not Shape:
                found[value.__name__] = value
    return [found[name] for name in sorted(found)]


def to_typescript() -> str:
    """All shapes as interfaces: what has a default may be left out of a request, never of a reply.

    A default is written out by the server, so only shapes named ...Request have optional fields.
    """
    _, whole = models_json_schema([(shape, "serialization") for shape in shapes()])
    optional = {
        shape.__name__: {
            name for name, field in shape.model_fields.items() if not field.is_required()
        }
        for shape in shapes()
        if shape.__name__.endswith("Request")
    }
    parts = [
        _interface(name, schema, optional.get(name, set()))
        for name, schema in sorted(whole["$defs"].items())
    ]
    return "\n".join([HEAD, *parts])


def _interface(name: str, schema: Schema, optional: set[str]) -> str:
    lines = _comment(schema, "")
    if "properties" not in schema:
        return "\n".join([*lines, f"export type {name} = {_type(schema)};", ""])
    lines.append(f"export interface {name} {{")
    for field, inner in schema["properties"].items():
        mark = "?" if field in optional else ""
        lines += [*_comment(inner, "  "), f"  {field}{mark}: {_type(inner)};"]
    return "\n".join([*lines, "}", ""])


def _comment(schema: Schema, indent: str) -> list[str]:
    first = schema.get("description", "").split("\n")[0]
    return [f"{indent}/** {first} */"] if first else []


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(_type(one) for one in schema[several]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if schema["type"] == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(_type(one) for one in schema['prefixItems'])}]"
        inner = _type(schema["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if schema["type"] == "object":
        return f"Record<string, {_type(schema['additionalProperties'])}>"
    plain = {"integer": "number", "number": "number", "null": "null"}
    return plain.get(schema["type"], str(schema["type"]))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(to_typescript(), encoding="utf-8")
