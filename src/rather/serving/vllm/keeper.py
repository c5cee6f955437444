"""Runs a command and sees to it that nothing of it outlives whoever asked for it.

A script of its own, on the standard library alone: `python -I keeper.py COMMAND ...`. It prints the
id of the command's process group, and when its standard input closes (because rather closed it, or
was killed) or it gets SIGTERM, it ends the whole group: by SIGTERM first, then by SIGKILL. What the
command says goes to standard error.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE_S = 10.0
"""Between SIGTERM and SIGKILL."""


def main() -> int:
    """Run the command; returns its exit code, or 128 + the signal that ended it."""
    asked = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    # its own session: Ctrl-C in a terminal is for rather, which then ends this in order
    child = subprocess.Popen(
        sys.argv[1:], start_new_session=True, stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    print(child.pid, flush=True)
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    threading.Thread(target=_end_when, args=(asked, child), daemon=True).start()
    code = child.wait()
    _tell(child, signal.SIGKILL)  # what the command started and left behind
    return code if code >= 0 else 128 - code


def _listen(asked: threading.Event) -> None:
    # unbuffered: a thread that waits in sys.stdin would break the interpreter's own end
    while os.read(sys.stdin.fileno(), 1024):
        pass
    asked.set()


def _end_when(asked: threading.Event, child: subprocess.Popen[bytes]) -> None:
    """End the child's process group, by force where it does not go by itself."""
    asked.wait()
    _tell(child, signal.SIGTERM)
    # a stopped process (SIGSTOP) hears SIGTERM when it goes on
    _tell(child, signal.SIGCONT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    _tell(child, signal.SIGKILL)


def _tell(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main())
