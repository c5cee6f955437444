"""Every page people read: links, anchors, commands, Python, and what is made from the code."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from rather import api
from rather.cli.verbs import build_app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "examples/**/*.md", ".github/*.md")
    for path in ROOT.glob(pattern)
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b| N\b|…|\.\.\.|\[|\|")
"""What stands for something else: FILE, NAME, ..., [--role admin], a|b."""


app_of = cache(build_app)
KNOWN = {name for name in build_app("") if not name.startswith("-")}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Of its headings, as code hosts and the site spell them."""
    text = FENCED.sub("", page.read_text("utf-8"))
    plain = [
        re.sub(r"[`*]|\]\([^)]*\)|\[", "", one).strip().lower() for one in HEADING.findall(text)
    ]
    return {re.sub(r"[^\w\- ]", "", one).replace(" ", "-") for one in plain}


def commands_of(text: str) -> Iterator[str]:
    """Commands of rather on lines of blocks without a language, and between backticks."""
    for language, block in FENCED.findall(text):
        if language in ("", "sh", "console"):
            for line in block.replace("\\\n", " ").splitlines():
                for part in line.partition(" #")[0].split(" && "):
                    yield part.strip()
    yield from INLINE.findall(FENCED.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        if link.startswith(("http://", "https://")):
            continue  # what others publish is not ours to hold
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_understood(page: Path) -> None:
    for command in commands_of(page.read_text("utf-8")):
        if not command.startswith("rather ") or PLACEHOLDER.search(command):
            continue
        words = [word for word in shlex.split(command)[1:] if word != "--help"]
        if len(words) == 1 and words[0] in KNOWN:
            continue  # in a sentence the verb stands for itself
        app_of(words[0]).parse_args(words, exit_on_error=False, print_error=False)


def test_enough_was_looked_at() -> None:
    """So that a page in another style does not pass by being passed over."""
    found = [
        one
        for page in PAGES
        for one in commands_of(page.read_text("utf-8"))
        if one.startswith("rather ") and not PLACEHOLDER.search(one)
    ]
    assert len(PAGES) > 30
    assert len(found) > 120


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_compiles_and_calls_what_is_there(page: Path) -> None:
    for language, block in FENCED.findall(page.read_text("utf-8")):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "project" or hasattr(api.Project, node.attr), node.attr


def test_what_is_pointed_to_is_there(
    page: Callable[[str], str], broken_pointers: Callable[[str], list[str]]
) -> None:
    for name in ("concepts.md", "gpu.md", "new-loss.md", "new-feedback-kind.md"):
        assert broken_pointers(page(name)) == []
    assert broken_pointers((ROOT / "SECURITY.md").read_text("utf-8")) == []


def test_the_reference_is_what_the_code_says(tmp_path: Path) -> None:
    # in a process of its own: the command line there has no flags added by other tests
    subprocess.run(
        [sys.executable, str(ROOT / "docs" / "reference.py"), str(tmp_path)],
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    made = sorted(tmp_path.iterdir())
    assert [path.name for path in made] == ["api.md", "commands.md", "http.md", "schema.md"]
    for path in made:
        written = (ROOT / "docs" / path.name).read_text("utf-8")
        assert path.read_text("utf-8") == written, f"docs/{path.name} differs: run `make docs`"


def test_the_reference_explains_everything() -> None:
    schema = (ROOT / "docs" / "schema.md").read_text("utf-8")
    columns = [line for line in schema.splitlines() if line.startswith("| `")]
    assert len(columns) > 150
    assert [line for line in columns if line.endswith("|  |")] == []
    commands = (ROOT / "docs" / "commands.md").read_text("utf-8")
    arguments = re.findall(r"^\* `[^`]*`:(.*)$", commands, re.MULTILINE)
    assert len(arguments) > 60
    assert [
        said for said in arguments if not said.strip() or said.startswith((" **[", " *["))
    ] == []
    http = (ROOT / "docs" / "http.md").read_text("utf-8")
    routes = re.findall(r"^\| `[A-Z]+ [^`]*` \| (\w+) \| ([^|]+) \|", http, re.MULTILINE)
    assert len(routes) > 50
    assert {who for who, _ in routes} == {"anybody", "labeller", "client", "admin"}
    fields = [line for line in http.splitlines() if re.match(r"\| `\w+` \|", line)]
    assert len(fields) > 400
    told = (ROOT / "docs" / "api.md").read_text("utf-8").splitlines()
    results = [line for line in told if re.match(r"\| `\w+` \|", line)]
    assert len(results) > 60
    blank = re.compile(r"\|\s*\|\s*$")
    assert [line for line in (*fields, *results) if blank.search(line)] == []


@pytest.mark.slow
def test_the_site_is_built_from_every_page_and_fetches_nothing(tmp_path: Path) -> None:
    config = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))
    menu = str(config["project"]["nav"])
    missing = [
        path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in menu
    ]
    assert missing == []
    gather = [sys.executable, str(ROOT / "docs" / "site.py"), str(tmp_path / "build" / "pages")]
    subprocess.run(gather, check=True)
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    zensical = Path(sys.executable).with_name("zensical")
    built = subprocess.run(
        [str(zensical), "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    site = tmp_path / "build" / "site"
    for page in ("index.html", "docs/index.html", "docs/api.html", "examples/tone/index.html"):
        text = (site / page).read_text("utf-8")
        loaded = re.findall(r'<(?:script|link|img)\b[^>]*(?:src|href)="?(https?:[^"\s>]+)', text)
        assert loaded == []
