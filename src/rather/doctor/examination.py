"""All checks in order, and what follows from them; nothing in the workspace is changed."""

from collections import Counter
from typing import Any

from rich.console import Console

from rather.doctor import (
    context,
    data,
    first_step,
    machine,
    model,
    reward_model,
    roles,
    tokens,
    versions,
)
from rather.doctor.finding import SEVERITIES, Check, Examined, Finding
from rather.doctor.page import page_of
from rather.doctor.patient import NotYet, Patient
from rather.errors import DataError, EnvironmentFault, RatherError, UsageError
from rather.workspace import Workspace

CHECKS: tuple[Check, ...] = (
    *machine.CHECKS,
    *model.CHECKS,
    *data.CHECKS,
    *context.CHECKS,
    *tokens.CHECKS,
    *versions.CHECKS,
    *roles.CHECKS,
    *first_step.CHECKS,
    *reward_model.CHECKS,
)
ERRORS: dict[str, type[RatherError]] = {
    "environment": EnvironmentFault,
    "settings": UsageError,
    "data": DataError,
}
"""What a problem is raised as; where there are several, the first of these."""


def planned() -> dict[str, Any]:
    """What would be checked."""
    questions = [f"{check.name}: {check.question}" for check in CHECKS]
    summary = f"would make {len(questions)} checks and change nothing."
    return {"summary": summary, "checks": questions, "text": "\n".join([*questions, summary])}


def outcome(ws: Workspace) -> dict[str, Any]:
    """All findings, as one JSON-able object with a page of text.

    Raises EnvironmentFault, UsageError or DataError where one is a problem; its `result` is the
    same object.
    """
    found = examine(ws)
    result = verdict(found)
    title = f"{ws.root.name}, model {ws.config.model}"
    result["text"] = page_of(found, title, result["summary"], Console())
    if error := error_of(found, result):
        raise error
    return result


def examine(ws: Workspace) -> list[Examined]:
    """Every check's finding, in order."""
    patient = Patient(ws)
    said: set[str] = set()
    found = []
    with ws.progress.track("doctor", len(CHECKS), "checks") as task:
        for check in CHECKS:
            found.append(Examined(check, _finding(check, patient, said)))
            task.advance(note=check.name)
    return found


def _finding(check: Check, patient: Patient, said: set[str]) -> Finding:
    """A check's finding; what keeps a check from looking is a problem the first time it does."""
    try:
        return check.look(patient)
    except NotYet as missing:
        return Finding("note", f"not yet: {missing}")
    except RatherError as error:
        if str(error) in said:
            return Finding("note", "not looked at, for the problem named above")
        said.add(str(error))
        kinds = {kind: place for place, kind in ERRORS.items()}
        return Finding(
            "problem",
            str(error),
            "the stages that need it fail with the same sentence",
            place=kinds.get(type(error), check.place),  # type: ignore[arg-type]
        )


def verdict(found: list[Examined]) -> dict[str, Any]:
    """The findings as one JSON-able object, with a sentence."""
    counts = Counter(one.finding.severity for one in found)
    plural = {"problem": "problems", "warning": "warnings", "note": "notes", "ok": "ok"}
    said = [
        f"{counts[severity]} {severity if counts[severity] == 1 else plural[severity]}"
        for severity in reversed(SEVERITIES)
        if counts[severity]
    ]
    return {
        "summary": f"{len(found)} checks: {', '.join(said)}.",
        "counts": {severity: counts[severity] for severity in SEVERITIES},
        "findings": [one.to_json() for one in found],
    }


def error_of(found: list[Examined], result: dict[str, Any]) -> RatherError | None:
    """The error that the problems among the findings amount to, None without any."""
    problems = [one for one in found if one.finding.severity == "problem"]
    for place, kind in ERRORS.items():
        if any(one.place == place for one in problems):
            names = ", ".join(one.check.name for one in problems)
            many = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
            return kind(f"The doctor found {many} ({names}): mend that first.", result)
    return None
