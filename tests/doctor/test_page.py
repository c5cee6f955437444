"""The page for people: plain off a terminal, coloured on one, and nobody's text is markup."""

import io

from rich.console import Console

from rather.doctor.finding import Check, Examined, Finding, Severity, ok
from rather.doctor.page import page_of


def examined(subject: str, name: str, finding: Finding) -> Examined:
    return Examined(Check(subject, name, "Is it so?", lambda patient: finding), finding)


def plain(found: list[Examined], width: int = 60) -> str:
    return page_of(found, "mine", "the end", Console(file=io.StringIO(), width=width))


def test_a_plain_page() -> None:
    problem = Finding("problem", "two are wrong", "it fails", "mend them", ("a", "b"))
    found = [
        examined("machine", "disk", ok("there is room")),
        examined("data", "copies", problem),
    ]
    assert plain(found).splitlines() == [
        "mine",
        "",
        "machine",
        "  ok       disk    There is room.",
        "",
        "data",
        "  problem  copies  Two are wrong.",
        "                   Meaning: It fails.",
        "                   Mend: Mend them.",
        "                     a",
        "                     b",
        "",
        "the end",
    ]


def test_the_same_finding_is_said_once() -> None:
    missing = Finding("note", "not yet: there are no prompts")
    found = [examined("data", name, missing) for name in ("copies", "leaks")]
    assert plain(found).splitlines()[3:5] == [
        "  note     copies  Not yet: there are no prompts.",
        "           leaks",
    ]


def test_colours_are_for_terminals_only() -> None:
    severities: tuple[Severity, ...] = ("ok", "note", "warning", "problem")
    found = [examined("all", one, Finding(one, f"it is {one}")) for one in severities]
    assert "\x1b" not in plain(found)
    terminal = Console(file=io.StringIO(), force_terminal=True, width=60, color_system="standard")
    page = page_of(found, "mine", "the end", terminal)
    assert "\x1b[32mok" in page and "\x1b[1;31mproblem" in page


def test_brackets_in_what_people_wrote_stay() -> None:
    found = [examined("data", "copies", ok("see", ("[bold]x[/bold] [link=evil]y",)))]
    assert "[bold]x[/bold] [link=evil]y" in plain(found)


def test_a_narrow_page_keeps_every_word() -> None:
    found = [examined("data", "copies", ok("a rather long sentence about something", ("x" * 70,)))]
    page = plain(found, width=40)
    assert max(map(len, page.splitlines())) <= 40
    assert page.count("x") == 70
