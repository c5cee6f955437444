"""Every setting as a flat list, read from the schema: flags, template and docs are made from it."""

import re
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from rather.config.section import Section
from rather.config.stages import Config

_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


@dataclass(frozen=True)
class Setting:
    """One leaf of the configuration, with what people need to know about it."""

    path: str
    """Dotted, for example ppo.kl_coefficient."""
    description: str
    """The docstring under the field, on one line."""
    type_name: str
    """text, number, integer, true or false, list of ..., or the choices."""
    bounds: str
    """For example `≥ 0, < 1`; empty when there are none."""
    default: Any
    annotation: Any


@cache
def all_settings() -> tuple[Setting, ...]:
    """Return every setting there is, in the order of the schema."""
    return tuple(_walk(Config(), ""))


@cache
def sections() -> dict[str, type[Section]]:
    """Return the dotted path of every group of settings, with its class; "" is the top."""
    return dict(_sections(Config(), ""))


def is_text_only(annotation: Any) -> bool:
    """Whether a setting takes text as it stands, so that `--model 123` is not a number."""
    return all(_is_text(part) for part in _union_parts(annotation) if part is not NoneType)


def is_list(annotation: Any) -> bool:
    """Whether a setting takes several values."""
    return any(get_origin(part) is tuple for part in _union_parts(annotation))


def takes_null(annotation: Any) -> bool:
    """Whether a setting may be null."""
    return NoneType in _union_parts(annotation)


def _walk(section: Section, prefix: str) -> list[Setting]:
    found: list[Setting] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            found += _walk(value, f"{prefix}{name}.")
        else:
            found.append(_setting(prefix + name, field, value))
    return found


def _sections(section: Section, path: str) -> list[tuple[str, type[Section]]]:
    found = [(path, type(section))]
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            found += _sections(value, f"{path}.{name}" if path else name)
    return found


def _setting(path: str, field: FieldInfo, default: Any) -> Setting:
    bounds = [
        f"{sign} {getattr(rule, name):g}"
        for name, sign in _BOUNDS
        for rule in field.metadata
        if getattr(rule, name, None) is not None
    ]
    return Setting(
        path=path,
        description=re.sub(r"\s+", " ", field.description or "").strip(),
        type_name=_type_name(field.annotation),
        bounds=", ".join(bounds),
        default=default,
        annotation=field.annotation,
    )


def _type_name(annotation: Any) -> str:
    parts = _union_parts(annotation)
    if len(parts) > 1:
        return " | ".join(_type_name(part) for part in parts)
    if get_origin(annotation) is Literal:
        return " | ".join(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"list of {_type_name(get_args(annotation)[0])}"
    names = {str: "text", int: "integer", float: "number", bool: "true | false", NoneType: "null"}
    return names[annotation]


def _union_parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _is_text(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return all(isinstance(choice, str) for choice in get_args(annotation))
    return annotation is str
