"""All checks together: at every stage of a workspace, and what problems amount to."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather import pipeline
from rather.doctor import examination
from rather.doctor.examination import CHECKS, error_of, examine
from rather.doctor.finding import Check, Examined, Finding, Place
from rather.doctor.patient import NotYet, Patient
from rather.errors import DataError, EnvironmentFault, RatherError, UsageError
from rather.workspace import Workspace

NewWs = Callable[..., Workspace]


def by_name(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in result["findings"]}


def test_names_are_distinct_and_questions_are_questions() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert [check.name for check in CHECKS if not check.question.endswith("?")] == []


def test_a_dry_run_names_every_check_and_looks_at_nothing(ws: Workspace) -> None:
    said = pipeline.doctor(ws, dry_run=True)
    assert said["summary"] == f"would make {len(CHECKS)} checks and change nothing."
    assert said["checks"][0] == "database: Is the database sound?"
    assert said["text"].splitlines() == [*said["checks"], said["summary"]]


def test_an_empty_workspace_is_told_what_comes_first(ws: Workspace) -> None:
    result = pipeline.doctor(ws)
    found = by_name(result)
    assert result["counts"]["problem"] == result["counts"]["warning"] == 0
    assert found["border"]["found"].startswith("not yet: there are no prompts")
    assert found["template"]["found"] == "not yet: nothing has been trained"
    assert found["model"]["severity"] == "ok"
    assert "Not yet: there are no prompts" in result["text"]
    json.dumps(result)


@pytest.mark.slow
def test_a_workspace_with_everything_is_well(
    judged_ws: Workspace, trained: Callable[..., str]
) -> None:
    trained(judged_ws, "reward")
    trained(judged_ws, "ppo")
    result = pipeline.doctor(judged_ws)
    bad = {
        one["name"]: one["found"]
        for one in result["findings"]
        if one["severity"] in ("warning", "problem")
    }
    assert bad == {}
    # no SFT was done; everything else is there
    assert by_name(result)["reference"]["found"].startswith("not yet")
    assert result["counts"]["ok"] == len(CHECKS) - 1
    assert result["summary"] == f"{len(CHECKS)} checks: 1 note, {len(CHECKS) - 1} ok."


def test_a_second_examination_finds_the_same(judged_ws: Workspace) -> None:
    assert pipeline.doctor(judged_ws)["findings"] == pipeline.doctor(judged_ws)["findings"]


def test_problems_are_raised_with_all_that_was_found(
    new_judged_ws: NewWs, model_with: Callable[..., Path]
) -> None:
    ws = new_judged_ws(model=str(model_with(added=["newest"])))
    with pytest.raises(DataError) as raised:
        pipeline.doctor(ws)
    assert str(raised.value) == ("The doctor found a problem (model): mend that first.")
    result = raised.value.result
    assert result is not None
    assert len(result["findings"]) == len(CHECKS)
    assert by_name(result)["model"]["shown"] == ["newest"]


def test_what_keeps_checks_from_looking_is_said_once(new_judged_ws: NewWs) -> None:
    ws = new_judged_ws(model="no/such/folder/here")
    with pytest.raises(UsageError, match="The doctor found a problem") as raised:
        pipeline.doctor(ws)
    assert raised.value.result is not None
    found = by_name(raised.value.result)
    told = [one["name"] for one in found.values() if "no model named" in one["found"]]
    assert told == ["model"]
    assert found["model"]["severity"] == "problem"
    assert found["packing"]["found"] == "not looked at, for the problem named above"
    assert found["copies"]["severity"] == "ok"


def test_a_damaged_database_is_a_fault_of_the_machine(judged_ws: Workspace) -> None:
    judged_ws.close()
    (judged_ws.root / "rather.db").write_bytes(b"no database at all" * 500)
    with pytest.raises(EnvironmentFault, match="The doctor found") as raised:
        pipeline.doctor(judged_ws)
    assert raised.value.result is not None
    found = by_name(raised.value.result)
    assert found["database"]["found"].endswith("nothing was changed: restore a backup.")
    assert found["packages"]["severity"] == "ok"
    assert found["copies"]["found"] == "not looked at, for the problem named above"


def test_a_damaged_version_is_a_problem_of_the_data(
    judged_ws: Workspace, trained: Callable[..., str]
) -> None:
    name = trained(judged_ws, "reward")
    (judged_ws.models_dir / name / "head.safetensors").unlink()
    with pytest.raises(DataError) as raised:
        pipeline.doctor(judged_ws)
    assert raised.value.result is not None
    assert "head.safetensors is missing" in by_name(raised.value.result)["head"]["found"]


@pytest.mark.parametrize(
    ("places", "error"),
    [
        ([], None),
        (["data"], DataError),
        (["data", "settings"], UsageError),
        (["settings", "data", "environment"], EnvironmentFault),
    ],
)
def test_the_machine_comes_before_settings_and_these_before_data(
    places: list[Place], error: type[RatherError] | None
) -> None:
    check = Check("all", "one", "Is it so?", lambda patient: Finding("ok", "yes"))
    found = [Examined(check, Finding("problem", "no", place=place)) for place in places]
    found.append(Examined(check, Finding("warning", "hm", place="environment")))
    raised = error_of(found, {"all": 1})
    assert type(raised) is (error or type(None))
    assert raised is None or raised.result == {"all": 1}


def test_mistakes_of_ours_are_not_findings(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(patient: Patient) -> Finding:
        raise ZeroDivisionError

    def missing(patient: Patient) -> Finding:
        raise NotYet("it is not there")

    check = Check("all", "one", "Is it so?", missing)
    monkeypatch.setattr(examination, "CHECKS", (check,))
    assert examine(ws)[0].finding == Finding("note", "not yet: it is not there")
    monkeypatch.setattr(examination, "CHECKS", (Check("all", "one", "Is it so?", broken),))
    with pytest.raises(ZeroDivisionError):
        examine(ws)


@pytest.mark.slow
def test_the_embedded_model_is_well_and_seen_in_seconds(new_judged_ws: NewWs) -> None:
    ws = new_judged_ws(model="embedded", dtype="auto")
    began = time.monotonic()
    result = pipeline.doctor(ws)
    assert time.monotonic() - began < 60  # some ten seconds where nobody else computes
    assert result["counts"]["problem"] == result["counts"]["warning"] == 0
    found = by_name(result)
    assert found["pad token"]["severity"] == "note"  # pad and stop are both <|im_end|>
    assert found["start token"]["shown"][0].startswith("[<|im_start|>][system][\\n]")
    assert found["where it reads"]["shown"][0].endswith("⟦<|im_end|>⟧")
