"""Stand-ins for vLLM servers that can be killed and started again at the same address."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FAKE = Path(__file__).parent / "serving" / "vllm" / "fake_vllm.py"


class Standin:
    """One server."""

    def __init__(self, delay: float = 0.0, *flags: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._flags = ["--delay", str(delay), *flags]
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        """As a fresh process, which knows no adapter."""
        flags = ["--host", "127.0.0.1", "--port", str(self._port), *self._flags]
        self._process = subprocess.Popen(
            [sys.executable, str(FAKE), *flags], stdout=subprocess.DEVNULL
        )
        ends = time.monotonic() + 20
        while True:
            try:
                self.seen()
                return
            except OSError:
                assert time.monotonic() < ends, "the stand-in does not start"
                time.sleep(0.02)

    def kill(self) -> None:
        """As a machine that fails."""
        self._process.kill()
        self._process.wait()

    def seen(self) -> dict[str, Any]:
        """What it was asked since it was started."""
        with urllib.request.urlopen(f"{self.url}/seen") as reply:
            return json.load(reply)

    def tell(self, route: str, **body: Any) -> None:
        """`fault`, `probe` or `weights`."""
        urllib.request.urlopen(f"{self.url}/{route}", json.dumps(body).encode()).close()


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Standin]]:
    """Starts stand-ins; all are gone after the test."""
    # imported here: most tests need no torch
    from rather.rollout.vllm import fleet

    monkeypatch.setattr(fleet, "SECONDS_BETWEEN_TRIES", 0.05)
    made: list[Standin] = []

    def make(delay: float = 0.0, *flags: str) -> Standin:
        """`flags`: of `fake_vllm.py`."""
        made.append(Standin(delay, *flags))
        return made[-1]

    yield make
    for one in made:
        one.kill()
