"""What a check found, in words: how bad it is, what it means, how to mend it, and on what it shows.

| severity | meaning |
|---|---|
| ok | as it should be |
| note | worth knowing, or not to be told yet |
| warning | it works, but something will be worse than it could be |
| problem | results would be wrong, or a stage would fail |
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rather.doctor.patient import Patient

Severity = Literal["ok", "note", "warning", "problem"]
Place = Literal["data", "settings", "environment"]
SEVERITIES: tuple[Severity, ...] = ("ok", "note", "warning", "problem")
"""From best to worst."""
NUM_SHOWN = 5
"""Examples a finding shows."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check; all but `found` may be empty where everything is well."""

    severity: Severity
    found: str
    """What was found, with how many were looked at."""
    means: str = ""
    mend: str = ""
    shown: tuple[str, ...] = ()
    """The offending tokens and texts themselves."""
    place: Place | None = None
    """Where a problem lies; None: where the check usually finds them."""


@dataclass(frozen=True)
class Check:
    """One thing to look at."""

    subject: str
    name: str
    question: str
    """What is checked, as a sentence."""
    look: Callable[[Patient], Finding]
    place: Place = "data"
    """Where problems of this kind lie, which decides the exit code."""


@dataclass(frozen=True)
class Examined:
    """A check and what it found."""

    check: Check
    finding: Finding

    @property
    def place(self) -> Place:
        """Where a problem found here lies."""
        return self.finding.place or self.check.place

    def to_json(self) -> dict[str, Any]:
        """The finding as a JSON-able dictionary."""
        return {
            "subject": self.check.subject,
            "name": self.check.name,
            "severity": self.finding.severity,
            "checked": self.check.question,
            "found": self.finding.found,
            "means": self.finding.means,
            "mend": self.finding.mend,
            "shown": list(self.finding.shown),
            "place": self.place,
        }


def ok(found: str, shown: tuple[str, ...] = ()) -> Finding:
    """All is well."""
    return Finding("ok", found, shown=shown)


def graded(share: float, limit: float, worse: Severity, milder: Severity) -> Severity:
    """`worse` where a share (0 to 1) reaches a limit, else `milder`."""
    return worse if share >= limit else milder
