"""Flags made from the schema: `--ppo.kl-coefficient`, and in its own verb `--kl-coefficient`."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from rather.config.loading import read_text
from rather.config.settings import Setting, all_settings
from rather.config.yaml_text import format_value

if TYPE_CHECKING:
    from rather.workspace import Workspace

EVERYTHING = (
    *(
        "sample",
        "choose",
        "label",
        "rules",
        "sft",
        "reward",
        "ppo",
        "dpo",
        "watch",
        "track",
        "evaluate",
        "run",
        "serve",
        "chat",
        "rollout",
    ),
)


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """What every verb takes."""

    workspace: Annotated[Path | None, Parameter(name=["--workspace", "-w"])] = None
    """The workspace's folder; without it the nearest one from here upward."""
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False
    """Print one JSON object on stdout; progress stays on stderr."""
    dry_run: Annotated[
        bool, Parameter(name=["--dry-run", "-n"], negative=(), show_default=False)
    ] = False
    """Say what would be done, and do nothing."""

    def open(self, settings: dict[str, Any]) -> "Workspace":
        """Open the workspace these options name, with the settings given as flags."""
        # Imported here: SQLAlchemy would slow `--help` down.
        from rather.workspace import Workspace, find_workspace

        root = self.workspace or find_workspace(Path.cwd())
        return Workspace.open(root, overrides(settings))


COMMON = Common()


def add_settings(function: Callable[..., Any], own: str, others: tuple[str, ...]) -> None:
    """Give a verb, which takes `**settings`, a flag for every setting it can obey.

    Those are the top-level ones (without a section) and the sections `own` and `others`; the
    settings of `own` also have a short name, unless something else has that name already.
    """
    signature = inspect.signature(function)
    mine = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    taken = {p.name for p in mine} | {s.path for s in all_settings()}
    flags = [
        _flag(setting, own, taken)
        for setting in all_settings()
        if _section(setting) in ("", own, *others) and setting.path not in {p.name for p in mine}
    ]
    function.__signature__ = signature.replace(parameters=[*mine, *flags])  # type: ignore[attr-defined]


def takes_settings(function: Callable[..., Any]) -> bool:
    """Whether a verb still waits for its flags (it was written with `**settings`)."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def overrides(settings: dict[str, Any]) -> dict[str, Any]:
    """Turn the flags a verb was given into the overrides `config.loading.load` takes."""
    given = {name.replace("__", "."): value for name, value in settings.items()}
    return {
        path: read_text(path, value[0]) if isinstance(value, list) and len(value) == 1 else value
        for path, value in given.items()
        if value is not None
    }


def _flag(setting: Setting, own: str, taken: set[str]) -> inspect.Parameter:
    names = [setting.path]
    short = setting.path.removeprefix(f"{own}.") if own else setting.path
    if short not in taken:
        names.append(short)
    is_switch = setting.type_name == "true | false"
    annotation = bool | None if is_switch else list[str] | None
    parameter = Parameter(
        name=[f"--{_dashed(name)}" for name in names],
        negative=[_negative(name) for name in names] if is_switch else (),
        help=_help(setting),
        group=_group(_section(setting), own),
        show_default=False,
        consume_multiple=False,
        metavar=None if is_switch else "VALUE",
    )
    return inspect.Parameter(
        setting.path.replace(".", "__"),
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[annotation, parameter],
    )


def _help(setting: Setting) -> str:
    bounds = f", {setting.bounds}" if setting.bounds else ""
    kind = f"{setting.type_name}{bounds}; default {format_value(setting.default)}"
    return f"{setting.description} ({kind})"


def _group(section: str, own: str) -> Group:
    if section == own and own:
        return Group(f"Settings of {own}", sort_key=1)
    return Group(f"Settings of {section}" if section else "Settings of the workspace", sort_key=2)


def _section(setting: Setting) -> str:
    section, dot, _ = setting.path.partition(".")
    return section if dot else ""


def _negative(name: str) -> str:
    head, dot, last = _dashed(name).rpartition(".")
    return f"--{head}{dot}no-{last}"


def _dashed(name: str) -> str:
    return name.replace("_", "-")
