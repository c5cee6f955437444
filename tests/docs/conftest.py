"""The pages in docs/, and what their backticked names should be the names of."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rather.config.settings import all_settings, sections

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"`([^`\n]+)`")
PYTHON_FILE = re.compile(r"[\w/]+\.py")
SETTING = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page() -> Callable[[str], str]:
    """A page's text by its name."""
    return lambda name: (ROOT / "docs" / name).read_text("utf-8")


def names_in(path: Path) -> set[str]:
    """What a module defines: `f`, `Class`, `Class.method`, `Class.field`, `CONSTANT`."""
    found: set[str] = set()

    def add(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(prefix + node.name)
            elif isinstance(node, ast.ClassDef):
                found.add(prefix + node.name)
                add(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(prefix + node.target.id)
            elif isinstance(node, ast.Assign):
                found.update(prefix + t.id for t in node.targets if isinstance(t, ast.Name))

    add(ast.parse(path.read_text("utf-8")).body, "")
    return found


def file_of(pointer: str) -> Path:
    """A path as pages write it: tests from the root, modules from the package."""
    return ROOT / pointer if pointer.startswith("tests/") else ROOT / "src" / "rather" / pointer


@pytest.fixture
def broken_pointers() -> Callable[[str], list[str]]:
    """Of a text: the files that are not there, and the names right behind a file that it lacks."""

    def find(text: str) -> list[str]:
        broken = []
        for line in text.splitlines():
            for cell in line.split("|") if line.startswith("|") else [line]:
                broken += _broken_in(CODE.findall(cell))
        return broken

    return find


def _broken_in(codes: list[str]) -> list[str]:
    broken: list[str] = []
    file: str | None = None
    for code in codes:
        if PYTHON_FILE.fullmatch(code):
            file = code
            broken += [] if file_of(file).is_file() else [file]
        elif file is not None and file_of(file).is_file():
            broken += [] if code in names_in(file_of(file)) else [f"{file} {code}"]
    return broken


@pytest.fixture
def broken_links() -> Callable[[str], list[str]]:
    """Of a page in docs/: relative links to nothing."""
    return lambda text: [
        link
        for link in LINK.findall(text)
        if not link.startswith("http") and not (ROOT / "docs" / link).exists()
    ]


@pytest.fixture
def unknown_settings() -> Callable[[str], list[str]]:
    """Of a text: dotted names that begin like a setting and are none."""
    known = {setting.path for setting in all_settings()} | sections().keys()
    tops = {path.partition(".")[0] for path in known}

    def find(text: str) -> list[str]:
        named = [code.partition(":")[0] for code in CODE.findall(FENCED.sub("", text))]
        return [
            name
            for name in named
            if SETTING.fullmatch(name) and name.partition(".")[0] in tops and name not in known
            if not name.endswith(".md") and not name.endswith(".yaml")
        ]

    return find
