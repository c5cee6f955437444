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
