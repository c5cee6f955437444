"""A plan as a page for people: each stage, what fills its memory, and PPO's other ways."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rather.planning.hardware import GB

MINUTE = 60
HOUR = 3600


def page_of(found: dict[str, Any], console: Console) -> str:
    """The page of a plan as the console would print it; nothing is printed."""
    memory = found["bytes_a_device"] / GB
    title = (
        f"{found['model']} ({found['num_weights'] / 1e9:.3g} billion weights) on "
        f"{found['num_devices']} × {found['device']}, {memory:.0f} GB each; prompts of "
        f"{found['prompt_tokens']} tokens, completions of {found['completion_tokens']}"
    )
    parts: list[RenderableType] = [
        Text(title, style="bold"),
        Text(),
        _stages(found["stages"], "as configured"),
        Text(),
        _stages(found["ppo_variants"], "other ways to do PPO"),
        Text(),
        _memory(found["stages"]),
        Text(),
        Text(found["summary"], style="bold"),
    ]
    with console.capture() as capture:
        console.print(Group(*parts), soft_wrap=False)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n"))


def _stages(stages: Sequence[dict[str, Any]], caption: str) -> Table:
    table = _table(caption, "memory a device", "fits", "a step", "the stage", "cost")
    for one in stages:
        advantage = f", {one['advantage']}" if "advantage" in one else ""
        whole = f"{spoken(one['hours'] * HOUR)} for {one['num_steps']}" if "hours" in one else ""
        table.add_row(
            f"{one['stage']}, {one['tuning']}{advantage}",
            in_gb(one["peak_bytes"]),
            "yes" if one["fits"] else "NO",
            spoken(one["seconds_a_step"]),
            whole,
            f"{one['cost']:.2f}" if "cost" in one else "",
        )
    return table


def _memory(stages: Sequence[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(name for one in stages for name in one["bytes"]))
    table = _table("what fills it", *(one["stage"] for one in stages))
    for name in names:
        table.add_row(name, *(in_gb(one["bytes"].get(name, 0)) for one in stages))
    return table


def _table(caption: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column(caption, header_style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", header_style="bold")
    return table


def in_gb(size: float) -> str:
    """Bytes in gigabytes (1e9); empty for none."""
    return f"{size / GB:.2f} GB" if size else ""


def spoken(seconds: float) -> str:
    """A duration in the unit people would use."""
    if seconds < MINUTE:
        return f"{seconds:.2g} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h"
