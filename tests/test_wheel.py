"""The wheel as somebody installs it: a fresh environment, no Node, no torch unless asked for."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowd import Seen, crowd

ROOT = Path(__file__).parents[1]
PAIRS = ROOT / "examples" / "summaries" / "pairs.jsonl"
RANKINGS = ROOT / "examples" / "rankings" / "rankings.jsonl"
"""Answers in orders, of which no pair was asked about."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def said_by(*command: str, cwd: Path | None = None, path: str = "") -> str:
    """What a command prints on stdout; all its words where it fails."""
    here = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**here, "PATH": path or here["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, with the pages as `make setup` built them."""
    if not (ROOT / "src" / "rather" / "web" / "static" / "index.html").is_file():
        pytest.skip("the pages are not built: make setup")
    folder = tmp_path_factory.mktemp("dist")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    said_by(*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("rather-*.whl")
    return built


class Installed:
    """An environment of its own; `run` finds nothing beyond it on the path."""

    def __init__(self, folder: Path, *requirements: str) -> None:
        venv.create(folder, with_pip=True)
        self.bin = folder / ("Scripts" if os.name == "nt" else "bin")
        lock = str(ROOT / "requirements.lock")
        pip = (str(self.bin / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet")
        said_by(*pip, "install", "--constraint", lock, *requirements)

    def run(self, cwd: Path, *command: str) -> str:
        return said_by(str(self.bin / command[0]), *command[1:], cwd=cwd, path=str(self.bin))

    def label(self, root: Path, num: int) -> Seen:
        """Open the app, follow its link as a browser does, and judge `num` items."""
        serving = subprocess.Popen(
            [str(self.bin / "rather"), "label", "--port", "0"],
            cwd=root,
            env={"PATH": str(self.bin)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert serving.stderr is not None
        link = next(line for line in serving.stderr if line.startswith("Open ")).split()[1]
        url, _, token = link.partition("/login?token=")
        seen = asyncio.run(crowd(url, [("owner", token)], num, 0.0))
        serving.send_signal(signal.SIGINT)
        said = serving.communicate(timeout=60)[1]
        assert (serving.returncode, said.count("Traceback")) == (0, 0), said
        return seen


@pytest.fixture(scope="module")
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """`pip install rather`."""
    yield Installed(tmp_path_factory.mktemp("plain"), str(wheel))


def test_it_carries_the_pages_and_its_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        page = archive.read("rather/web/static/index.html").decode()
    assert {"rather/py.typed", "rather/data/prompts/everyday.jsonl"} <= names
    assert not [name for name in names if name.startswith(("tests/", "frontend/"))]
    for script in ("/assets/", ".js"):
        assert script in page


def test_people_label_without_torch_and_without_node(plain: Installed, tmp_path: Path) -> None:
    packages = {
        one["name"] for one in json.loads(plain.run(tmp_path, "pip", "list", "--format=json"))
    }
    assert not packages & {"torch", "transformers", "pandas"}
    root = tmp_path / "mine"
    plain.run(tmp_path, "rather", "init", str(root))
    plain.run(root, "rather", "import", str(RANKINGS))
    seen = plain.label(root, num=5)
    assert (len(seen.acks), seen.refusals) == (5, [])
    plain.run(root, "rather", "report")
    counts = json.loads(plain.run(root, "rather", "status", "--json"))["judgments"]["pair"]
    assert counts["people"] == 5


def test_with_the_extra_it_trains(wheel: Path, tiny_model: Path, tmp_path: Path) -> None:
    whole = Installed(tmp_path / "venv", f"{wheel}[train]")
    root = tmp_path / "mine"
    whole.run(tmp_path, "rather", "init", str(root), "--model", str(tiny_model))
    whole.run(root, "rather", "import", str(PAIRS))
    few = ("--num-epochs", "1", "--dtype", "float32")
    made = json.loads(whole.run(root, "rather", "reward", "--json", *few).strip())
    assert made["version"] == "reward-1"
    made = json.loads(whole.run(root, "rather", "dpo", "--json", *few).strip())
    assert (root / made["path"] / "adapter_model.safetensors").is_file()
