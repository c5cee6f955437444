"""A server ends: running answers are finished, or told that they were not; the exit is clean."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from rather.workspace import MARKER_FILE
from tests.serving.conftest import House, Running

Starter = Callable[..., "Process"]


class Process:
    """`rather serve` in a process of its own."""

    def __init__(self, root: Path, *flags: str, program: Sequence[str] = ("-m", "rather")) -> None:
        command = [
            sys.executable,
            *program,
            "serve",
            "-w",
            str(root),
            "--port",
            "0",
            "--json",
        ]
        self._process = subprocess.Popen(
            [*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.startswith("Serving on "):
                self.url = line.split()[2].removesuffix("/v1")
                return
        raise AssertionError("it did not start")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def ended(self) -> tuple[int, dict[str, Any], str]:
        """Its exit code, what it printed as JSON, and what else it said."""
        out, said = self._process.communicate(timeout=30)
        return self._process.returncode, json.loads(out), said

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def start(house: House) -> Iterator[Starter]:
    """Starts servers of a whole workspace."""
    (house.root / "rather.yaml").write_text("model: base-model\ndtype: float32\n")
    (house.root / MARKER_FILE).write_text('{"format": 1}')
    started: list[Process] = []

    def make(*flags: str, **how: Any) -> Process:
        started.append(Process(house.root, *flags, **how))
        return started[-1]

    yield make
    for one in started:
        one.close()


def stream(url: str, tokens: int) -> Iterator[Any]:
    """An answer's chunks; it is asked for when the first is."""
    base = f"{url}/v1"
    with openai.OpenAI(base_url=base, api_key="none", max_retries=0, timeout=30) as client:
        yield from client.completions.create(
            model="ppo-1", prompt="Hello", max_tokens=tokens, stream=True, seed=4
        )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_answers_end(start: Starter, number: int) -> None:
    process = start()
    chunks = stream(process.url, 200)
    next(chunks)
    process.signal(number)
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons[-1] in ("stop", "length")
    code, printed, said = process.ended()
    assert (code, printed["requests"]) == (0, 1)
    assert "Traceback" not in said


@pytest.mark.slow
def test_what_takes_too_long_is_told_that_it_was_ended(start: Starter) -> None:
    process = start("--drain-seconds=0")
    chunks = stream(process.url, 250)
    next(chunks)
    process.signal(signal.SIGTERM)
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons[-1] == "abort"
    assert process.ended()[0] == 0


def test_nothing_new_begins_while_it_ends(house: House, serving: Callable[..., Running]) -> None:
    server = serving(house, drain_seconds=20.0)
    with httpx2.Client(base_url=server.url) as kept:  # its connection is open already
        assert kept.get("/health").status_code == 200
        chunks = stream(server.url, 250)
        next(chunks)
        server.end()
        until = time.monotonic() + 10
        while True:
            assert time.monotonic() < until
            try:
                with urllib.request.urlopen(f"{server.url}/health", timeout=5):
                    pass
            except OSError:  # refused, or 503 by a connection that came just before
                break
        assert [chunk.choices[0].finish_reason for chunk in chunks][-1] in ("stop", "length")


HANGING = """
import sys, threading
from rather.cli.app import main
from rather.rollout.engine import Engine
Engine._forward = lambda self: threading.Event().wait()
sys.exit(main())
"""


@pytest.mark.slow
def test_an_engine_that_hangs_again_and_again_ends_the_process(start: Starter) -> None:
    """Each of its threads blocks for good in its first step; a supervisor sees the exit code."""
    flags = ("--hang-seconds=1", "--watchdog-seconds=0.5", "--max-restarts=1")
    process = start(*flags, program=("-c", HANGING))
    url = f"{process.url}/v1"
    with openai.OpenAI(base_url=url, api_key="x", max_retries=0, timeout=30) as client:
        for _ in range(2):
            give_up = time.monotonic() + 20
            while httpx2.get(f"{process.url}/health").status_code != 200:
                assert time.monotonic() < give_up
                time.sleep(0.1)
            with pytest.raises(openai.InternalServerError, match="The engine hung") as caught:
                client.completions.create(model="ppo-1", prompt="Hello", max_tokens=3)
            assert caught.value.status_code == 503
    code, printed, said = process.ended()
    assert code == 5
    assert "broke or hung 2 times in" in json.dumps(printed)
    assert "Traceback" not in said
