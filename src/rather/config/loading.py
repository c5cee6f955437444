"""From defaults, file, environment and flags to one checked Config, or all problems at once."""

import difflib
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rather.config import address
from rather.config.settings import (
    all_settings,
    is_list,
    is_text_only,
    sections,
    takes_null,
)
from rather.config.stages import Config
from rather.config.yaml_text import format_value, iter_leaves, parse_document, parse_value
from rather.errors import UsageError

ENVIRONMENT_PREFIX = "RATHER_"


@dataclass
class _Draft:
    """The configuration while it is put together: nested values and where each came from."""

    values: dict[str, Any]
    origins: dict[str, str] = field(default_factory=dict)
    """What to print before a complaint about a dotted path: `rather.yaml:12`, `--ppo.x`, ..."""
    problems: list[str] = field(default_factory=list)

    def put(self, path: str, value: Any, origin: str) -> None:
        """Set one leaf over what was there; a group's name given a plain value is a problem."""
        groups = sections()
        *parents, name = path.split(".")
        if path in groups and value is not None:
            self.problems.append(f"{origin}: {path} is a group of settings, not one value")
        elif path not in groups and path not in _leaves():
            wrong = _unknown_part(path)
            if not any(f": {wrong} is not a setting" in problem for problem in self.problems):
                self.problems.append(f"{origin}: {wrong} is not a setting{_nearest(wrong)}")
        elif path not in groups:
            table = self.values
            for parent in parents:
                table = table[parent]
            table[name] = value
            self.origins[path] = origin


def load(path: Path | None, overrides: dict[str, Any]) -> Config:
    """Return the Config of defaults < file < environment (RATHER_PPO__NUM_STEPS) < overrides.

    Overrides are dotted paths or nested dictionaries; text is read as YAML would read it.
    Raises UsageError naming file, line, dotted path and the nearest right name of every problem.
    """
    draft = _Draft(Config().model_dump())
    if path is not None:
        _add_file(draft, path)
    _add_environment(draft)
    for name, value in iter_leaves(overrides):
        draft.put(name, read_text(name, value), f"--{name.replace('_', '-')}")
    config = _validated(draft)
    if config is None or draft.problems:
        raise UsageError(_report(draft.problems))
    return config


def read_text(path: str, value: Any) -> Any:
    """Turn a flag's text into the value its setting takes; anything else stays as it is."""
    annotation = _leaves().get(path)
    if annotation is None or not isinstance(value, str):
        return value
    if takes_null(annotation) and value.lower() in {"null", "none"}:
        return None
    if is_list(annotation):
        return _read_list(annotation, value)
    return value if is_text_only(annotation) else parse_value(value)


def _read_list(annotation: Any, text: str) -> Any:
    if text.startswith("["):
        return parse_value(text)
    if text == "all-linear":
        return text
    return [parse_value(part) if part.strip() else part for part in text.split(",")]


def _add_file(draft: _Draft, path: Path) -> None:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: give the path of a rather.yaml.") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise UsageError(f"{path} is not a UTF-8 text file ({error}).") from None
    document = parse_document(text)
    draft.problems += [f"{path.name}:{line}: {problem}" for line, problem in document.problems]
    for name, value in iter_leaves(document.values):
        draft.put(name, value, f"{path.name}:{document.lines.get(name, 1)}")


def _add_environment(draft: _Draft) -> None:
    top_names = list(Config.model_fields)
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
        if variable == address.VARIABLE:
            path, text = "database", text or "null"
        # A single word that resembles no setting is another room's variable (RATHER_FAILPOINT).
        if "." in path or difflib.get_close_matches(path, top_names, 1, 0.8):
            draft.put(path, read_text(path, text), variable)


def _validated(draft: _Draft) -> Config | None:
    try:
        return Config.model_validate(draft.values)
    except ValidationError as error:
        complaints: dict[str, list[str]] = {}
        inputs: dict[str, Any] = {}
        for problem in error.errors():
            path = _leaf_of(problem["loc"])
            complaints.setdefault(path, []).append(problem["msg"])
            inputs.setdefault(path, problem["input"])
        for path, messages in complaints.items():
            origin = draft.origins.get(path, "settings")
            given = address.masked(format_value(inputs[path]))
            draft.problems.append(f"{origin}: {path} {_sentence(messages)}, not {given}")
        return None


def _leaf_of(location: tuple[int | str, ...]) -> str:
    """Return the setting's path in a location of pydantic, which goes on into unions and lists."""
    for length in range(len(location), 0, -1):
        path = ".".join(str(part) for part in location[:length])
        if path in _leaves():
            return path
    return ".".join(str(part) for part in location)


def _sentence(messages: list[str]) -> str:
    """Say as one demand what the branches of a union complained about."""
    demands = [
        message.removeprefix("Input should be ")
        .replace("valid tuple", "list")
        .partition(", unable")[0]
        for message in messages
    ]
    return "must be " + " or ".join(dict.fromkeys(demands))


@cache
def _leaves() -> dict[str, Any]:
    return {setting.path: setting.annotation for setting in all_settings()}


def _unknown_part(path: str) -> str:
    """Return an unknown path up to its first part that is unknown, so a group is named once."""
    parts = path.split(".")
    known = [*sections(), *_leaves()]
    ways = [".".join(parts[:length]) for length in range(1, len(parts))]
    return next((way for way in ways if way not in known), path)


def _nearest(path: str) -> str:
    """Return `; did you mean ...?` for the nearest right path, or nothing when none is near."""
    leaves = list(_leaves())
    candidates = difflib.get_close_matches(path, [*leaves, *sections()], 1, 0.75)
    last = path.rpartition(".")[2]
    same_name = [leaf for leaf in leaves if leaf.rpartition(".")[2] == last]
    found = candidates or same_name[:1]
    return f"; did you mean {found[0]}?" if found else ""


def _report(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return "\n  ".join([f"{len(problems)} problems in the configuration:", *problems])
