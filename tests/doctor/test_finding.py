"""Findings as JSON, and where their problems lie."""

from rather.doctor.finding import Check, Examined, Finding, graded, ok

CHECK = Check("tokens", "border", "Would tokens merge?", lambda patient: ok("no"), "environment")


def test_a_problem_lies_where_its_check_says_or_the_finding_itself() -> None:
    assert Examined(CHECK, Finding("problem", "found")).place == "environment"
    assert Examined(CHECK, Finding("problem", "found", place="data")).place == "data"


def test_a_finding_is_one_json_object() -> None:
    finding = Finding("warning", "found", "means", "mend", ("a", "b"))
    assert Examined(CHECK, finding).to_json() == {
        "subject": "tokens",
        "name": "border",
        "severity": "warning",
        "checked": "Would tokens merge?",
        "found": "found",
        "means": "means",
        "mend": "mend",
        "shown": ["a", "b"],
        "place": "environment",
    }


def test_a_share_that_reaches_the_limit_is_worse() -> None:
    assert graded(0.05, 0.05, "warning", "note") == "warning"
    assert graded(0.049, 0.05, "warning", "note") == "note"
