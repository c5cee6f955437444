"""README.md: `make demo` as a newcomer runs it, and every command with what runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
RUN_BY = {
    "make test": ".ci/run",
    "make site": ".github/workflows/ci.yml",
    "make demo": "tests/docs/test_readme.py",
    "make wheel": "tests/test_wheel.py",
    "make bench": "tests/benchmarks/speed/test_conductor.py",
    "python docs/readme_picture.py": "tests/docs/test_readme.py",
    "python benchmarks/frontier.py": "tests/benchmarks/test_frontier.py",
    "python benchmarks/active.py": "tests/benchmarks/test_active.py",
    "python -m examples.known_truth": "tests/known_truth/test_overoptimization.py",
}
"""What runs each command that is not `rather`'s, whole or in its small variant; `rather`'s own are
followed by `test_walkthroughs.py` and understood by `test_pages.py`."""


def test_every_command_has_what_runs_it() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    found = set(re.findall(r"\b(make [a-z]+|python (?:-m )?[\w./]+)(?=[` ]|$)", text, re.MULTILINE))
    named = {one for one in found if not one.startswith("make it")}
    assert named == RUN_BY.keys()
    assert [file for file in RUN_BY.values() if not (ROOT / file).is_file()] == []


SET_FOR_TESTS = ("PYTHONPATH", "OMP_NUM_THREADS")
"""What a newcomer does not have in the environment."""


@pytest.mark.demo
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_demo_of_the_readme_makes_the_model_better(tmp_path: Path) -> None:
    """The whole of it on the embedded model, on all cores: six to twelve minutes."""
    if not (ROOT / ".venv" / ".rather-ready").is_file():
        pytest.skip("`make demo` would set up an environment first: make setup")
    demo = tmp_path / "demo"
    done = subprocess.run(
        ["make", "--silent", "demo", f"FLAGS=--json --workspace {demo}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in SET_FOR_TESTS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["reward_model"]["accuracy"] > 0.7
    for policy in (result["ppo"], result["dpo"]):
        assert policy["interval"][0] > 0.5
        assert policy["kl"] < 15
        assert policy["base_perplexity"] < 2 * result["base"]["perplexity"]
    assert result["peak_rss_bytes"] < 4 * 2**30
    if CHROMIUM:
        picture = tmp_path / "demo.png"
        script = [sys.executable, str(ROOT / "docs" / "readme_picture.py"), str(demo), str(picture)]
        subprocess.run(script, check=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
        assert picture.read_bytes().startswith(b"\x89PNG")
