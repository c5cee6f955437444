"""The findings as a page for people: by subject, in colours on a terminal, plain elsewhere."""

from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rather.doctor.finding import Examined, Finding, Severity

_STYLES: dict[Severity, str] = {
    "ok": "green",
    "note": "cyan",
    "warning": "bold yellow",
    "problem": "bold red",
}
_SEVERITY_WIDTH = 7


def page_of(found: list[Examined], title: str, summary: str, console: Console) -> str:
    """The whole page as the console would print it; nothing is printed."""
    width = max(len(one.check.name) for one in found)
    parts: list[RenderableType] = [Text(title, style="bold")]
    for subject, group in groupby(found, key=lambda one: one.check.subject):
        parts += [Text(), Text(subject, style="bold"), _table(list(group), width)]
    parts += [Text(), Text(summary, style="bold")]
    with console.capture() as capture:
        console.print(Group(*parts), soft_wrap=False)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n"))


def _table(found: list[Examined], width: int) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=_SEVERITY_WIDTH)
    table.add_column(width=width)
    table.add_column(overflow="fold")
    for finding, alike in groupby(found, key=lambda one: one.finding):
        names = "\n".join(one.check.name for one in alike)
        is_well = finding.severity in ("ok", "note")
        table.add_row(
            Text(finding.severity, style=_STYLES[finding.severity]),
            Text(names, style="" if is_well else "bold"),
            _body(finding),
        )
    return Padding(table, (0, 0, 0, 2))


def _body(finding: Finding) -> Text:
    """What was found, and where it is not well also what it means and how to mend it.

    Texts of people are `Text`, never markup: brackets in them mean nothing.
    """
    body = Text(_sentence(finding.found))
    for caption, said in (("Meaning", finding.means), ("Mend", finding.mend)):
        if said:
            body.append(f"\n{caption}: ", style="bold")
            body.append(_sentence(said))
    for shown in finding.shown:
        body.append(f"\n  {shown}", style="dim")
    return body


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…")) else ".")
