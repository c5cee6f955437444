"""The rules of the house: floors, no circles, sizes, names, captions, nothing dangerous."""

import ast
import logging
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "rather"
TESTS = ROOT / "tests"
EXAMPLES = ROOT / "examples"
"""Programs with tests: tests/known_truth/ mirrors examples/known_truth/."""

MAX_FILE_LINES = 300
MAX_TEST_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
MAX_FILES_A_FOLDER = 20
FORBIDDEN_ROOMS = {"utils", "util", "helpers", "common", "misc", "base", "core", "manager"}
ONLY_ROOM_THAT_REPLACES_FILES = "durable.py"
SIGNATURES_OF_OTHERS = {"packed_attention"}
"""transformers says what its attention functions take."""
WHOLE_HOUSE_TESTS = {
    "test_house.py",
    "test_whole_loop.py",
    "test_bad_input.py",
    "test_kill.py",  # every stage, killed at every failpoint
    "test_kill_rounds.py",  # three rounds, killed in the middle of the second
    "test_worse_and_longer.py",  # tuned models, from the evaluation to the report's verdict
    "test_kill_server.py",  # the labelling app, killed under a crowd
    "test_moving_database.py",  # the same, moved to another database
    "test_s3.py",  # the whole way to object storage and back
    "test_pages.py",  # every page people read
    "test_readme.py",  # README.md: make demo, and what runs each of its commands
    "test_walkthroughs.py",  # README.md and docs/getting-started.md, followed to the letter
    "test_examples.py",  # examples/*/run.py
    "test_wheel.py",  # what is built, in an environment of its own
    "test_api_fuzz.py",  # every route of the labelling app under odd input
    "test_main.py",  # __main__.py
    "test_admin_pages.py",  # frontend/src/admin/, in Chromium
    "test_admin_runs.py",  # its runs and its playground
    "test_everyday_prompts.py",  # data/prompts/everyday.jsonl
    "test_best_of_n.py",  # the sampler, in the world of examples/known_truth/
}
BROWSER = TESTS / "web" / "browser"
"""The whole labelling app in Chromium: it is about no one module."""
PARITY = TESTS / "parity"
"""Mirrors no room of ours: it holds several of them beside other people's trainers."""
DANGEROUS = re.compile(
    r"\bpickle\b|\btorch\.load\(|(?<![\w.])eval\(|(?<![\w.])exec\(|trust_remote_code=True|shell=True"
)
# Spelt in parts, or this file would find itself.
MACHINE_PATH = re.compile(
    "|".join(("/ho" + r"me/\w+/", "/ro" + "ot/", "/wo" + "rk/", "/Us" + "ers/"))
)

MODULES = sorted(SOURCE.rglob("*.py"))
TEST_FILES = sorted(TESTS.rglob("test_*.py"))
TEXT_SUFFIXES = {".py", ".md", ".toml", ".ts", ".tsx", ".css", ".html", ".yaml", ".lock", ""}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def num_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def num_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


@pytest.fixture
def loggers_stay() -> Iterator[None]:
    """import-linter switches off every logger there is; other tests listen to ours."""
    yield
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.mark.usefixtures("loggers_stay")
def test_arrows_only_fall() -> None:
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)
    assert status == EXIT_STATUS_SUCCESS, "an arrow rises: see above, or run `lint-imports`"


def test_there_are_no_circles() -> None:
    graph = grimp.build_graph("rather", cache_dir=None)
    imports = {
        module: graph.find_modules_directly_imported_by(module)
        for module in graph.modules
        if module != "rather"  # the package's face hands out the API, late
    }
    order = list(TopologicalSorter(imports).static_order())  # raises CycleError on a circle
    assert len(order) >= len(imports)


@pytest.mark.parametrize("path", [*MODULES, *sorted(EXAMPLES.rglob("*.py"))], ids=name_of)
def test_a_module_is_small_and_captioned(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    assert (path.name == "__init__.py" and not text) or ast.get_docstring(ast.parse(text))
    assert [f.name for f in functions(path) if num_lines(f) > MAX_FUNCTION_LINES] == []
    many = [f.name for f in functions(path) if num_parameters(f) > MAX_PARAMETERS]
    assert [name for name in many if name not in SIGNATURES_OF_OTHERS] == []


def test_tests_are_small() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in TEST_FILES}
    assert {name: n for name, n in lengths.items() if n > MAX_TEST_LINES} == {}


def test_public_functions_are_explained() -> None:
    silent = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in MODULES
        if path.parent.name != "versions"  # of a migration, the caption says it all
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_rooms_have_names() -> None:
    rooms = {path.stem for path in SOURCE.rglob("*") if path.is_dir() or path.suffix == ".py"}
    assert rooms & FORBIDDEN_ROOMS == set()


def test_folders_are_small() -> None:
    folders = {path.parent for path in MODULES}
    sizes = {name_of(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: n for name, n in sizes.items() if n > MAX_FILES_A_FOLDER} == {}


def test_nothing_dangerous_is_called() -> None:
    found = [
        f"{name_of(path)}: {match[0]}"
        for path in MODULES
        for match in DANGEROUS.finditer(path.read_text("utf-8"))
    ]
    assert found == []


def test_only_one_room_replaces_files() -> None:
    found = [
        name_of(path)
        for path in MODULES
        if re.search(r"\bos\.(replace|rename|fsync)\(", path.read_text("utf-8"))
        and path.name != ONLY_ROOM_THAT_REPLACES_FILES
    ]
    assert found == []


def test_no_file_knows_this_machine() -> None:
    folders = [SOURCE, TESTS, ROOT / "docs", ROOT / "examples", ROOT / "benchmarks"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    found = [
        name_of(path)
        for path in files
        if path.suffix in TEXT_SUFFIXES and "__pycache__" not in path.parts
        if MACHINE_PATH.search(path.read_text("utf-8", errors="replace"))
    ]
    assert found == []


def test_tests_mirror_the_tree() -> None:
    """tests/a/test_b.py is about src/rather/a/b.py, tests/docs/test_a_b.py about docs/a-b.md."""
    sources = {path.relative_to(SOURCE).with_suffix("") for path in MODULES}
    sources |= {path.relative_to(EXAMPLES).with_suffix("") for path in EXAMPLES.rglob("*.py")}
    pages = (ROOT / "docs").glob("*.md")
    sources |= {Path("docs") / path.stem.replace("-", "_") for path in pages}
    # a benchmark is no part of the package; it is tested under the name of its folder
    sources |= {path.relative_to(ROOT).with_suffix("") for path in ROOT.glob("benchmarks/**/*.py")}
    orphans = [
        name_of(path)
        for path in TEST_FILES
        if path.name not in WHOLE_HOUSE_TESTS and path.parent not in (PARITY, BROWSER)
        if path.relative_to(TESTS).parent / path.stem.removeprefix("test_") not in sources
    ]
    assert orphans == []


def test_no_test_folder_is_a_package() -> None:
    assert list(TESTS.rglob("__init__.py")) == []
