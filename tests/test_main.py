"""`python -m rather` is `rather`."""

import os
import subprocess
import sys
from pathlib import Path

import rather


def test_the_module_is_the_command() -> None:
    source = Path(rather.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "rather", "ppoo"],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'Did you mean "ppo"?' in done.stderr


def test_a_reader_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    source = Path(rather.__file__).parent.parent
    command = [sys.executable, "-m", "rather", "config", "schema"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()  # before the first line is written
        assert running.stderr.read() == b""
        assert running.wait() == 141
