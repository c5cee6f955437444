"""Chat templates into text, in processes that are killed when a template goes on too long."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rather.data.templates.renderer import SECONDS
from rather.errors import DataError

RENDERER = Path(__file__).with_name("renderer.py")
MOST_IDLE = 4
"""Processes that are kept for the next text."""


class BadTemplate(DataError):
    """What a template does instead of giving a text, as half a sentence."""


class Renderers:
    """Processes that render; as many as there are threads that want a text at once."""

    def __init__(self) -> None:
        self._idle: list[subprocess.Popen[str]] = []
        self._inherited: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._begin_anew)

    def render(self, template: str, variables: Mapping[str, Any]) -> str:
        """The text; BadTemplate says what the template did instead.

        `variables` are plain JSON.
        """
        process = self._taken()
        line = self._asked(process, json.dumps({"template": template, "variables": variables}))
        if not line:
            raise BadTemplate(_why_it_ended(process))
        self._give_back(process)
        found: dict[str, str] = json.loads(line)
        if "error" in found:
            raise BadTemplate(found["error"])
        return found["text"]

    def close(self) -> None:
        """End those that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            _end(process)

    def _taken(self) -> subprocess.Popen[str]:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.poll() is None:
                    return process
                _end(process)  # somebody else ended it
        return subprocess.Popen(
            [sys.executable, "-P", str(RENDERER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for us; it ends when its input does
        )

    def _asked(self, process: subprocess.Popen[str], line: str) -> str:
        """The answer to a line; empty where the process ended instead."""
        assert process.stdin is not None and process.stdout is not None
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(line + "\n")
                process.stdin.flush()
            return process.stdout.readline()
        except BaseException:
            # interrupted: an answer may still come, which would be taken for the next one's
            process.kill()
            _end(process)
            raise

    def _give_back(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            if len(self._idle) < MOST_IDLE:
                self._idle.append(process)
                return
        _end(process)

    def _begin_anew(self) -> None:
        """In a fork: the processes are the parent's. They are kept, so that nothing ends them."""
        self._inherited += self._idle
        self._idle = []
        self._lock = threading.Lock()


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None and process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    process.wait()


def _why_it_ended(process: subprocess.Popen[str]) -> str:
    _end(process)
    if process.returncode in (-signal.SIGPROF, -signal.SIGALRM):
        return f"it takes longer than {SECONDS:g} seconds"
    return f"it ended the process that rendered it (exit code {process.returncode})"


RENDERERS = Renderers()
"""Those of this process."""
