"""The errors a user can meet, as one small tree; each carries its exit code.

    RatherError
    ├── UsageError        2    a wrong command, flag or configuration
    ├── DataError         3    rows, files or judgments that cannot be used
    │   └── TooLong            a prompt or completion beyond the model's context
    ├── StoppedByRule     4    training stopped on purpose
    │   └── GateClosed         something is too weak to go on with, and nothing was begun
    └── EnvironmentFault  5    the machine: disk, port, missing package, damaged file

A message is one sentence: what is wrong, where, and how to mend it. The command line prints the
sentence and exits with the code; anything else that escapes is a bug of ours and shows a traceback.
"""

from typing import Any


class RatherError(Exception):
    """Base of everything the command line reports in one sentence."""

    exit_code = 1

    def __init__(self, message: str, result: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.result = result
        """What was found all the same, for the command line to print first."""


class UsageError(RatherError):
    """A command, flag or configuration that cannot be obeyed."""

    exit_code = 2


class DataError(RatherError):
    """Data that cannot be used: a missing file, a malformed row, nothing to learn from."""

    exit_code = 3


class TooLong(DataError):
    """A prompt, or a prompt with its completion, that the model's context does not hold."""


class StoppedByRule(RatherError):
    """A rule stopped the work on purpose; what was good before it is kept."""

    exit_code = 4
    kept_step: int | None = None
    """Of a training run: the step whose policy was kept; 0 is where it began."""
    version: str | None = None
    """The version that policy was published as; None where there is none."""


class GateClosed(StoppedByRule):
    """A gate that lets nothing through which is too weak to go on with."""


class EnvironmentFault(RatherError):
    """The machine cannot do it: disk full, port taken, package missing, file damaged."""

    exit_code = 5
