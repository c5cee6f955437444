"""A written answer teaches SFT."""

import pytest

from rather import records
from rather.errors import DataError
from rather.feedback.answer import Judged, LeftOut
from rather.feedback.demonstration import Demonstration
from rather.records import Judgment, Message, Prompt

PROMPT = Prompt("p1", (Message("user", "Why?"),), "train")
JUDGMENT = Judgment("01", "demonstration", "p1", "ann", {"text": "So."}, "2026", "k", False)


def test_json_there_and_back() -> None:
    assert Demonstration("So.").to_answer() == {"text": "So."}
    assert Demonstration.from_answer({"text": "So."}) == Demonstration("So.")


@pytest.mark.parametrize("text", ["", "  \n", None, 3])
def test_an_empty_text_is_refused(text: object) -> None:
    with pytest.raises(DataError, match="wrong field text"):
        Demonstration.from_answer({"text": text})


def test_it_demonstrates_and_compares_nothing() -> None:
    judged = Judged(JUDGMENT, PROMPT, {})
    assert Demonstration("So.").demonstration(judged) == records.Demonstration(PROMPT, "So.")
    with pytest.raises(LeftOut, match="compares nothing"):
        Demonstration("So.").comparison(judged)


def test_what_is_said_stands_alone() -> None:
    said = Demonstration.from_said({"text": "So."}, [])
    assert said == Demonstration("So.")
    assert said.to_said([]) == {"kind": "demonstration", "text": "So."}
    assert list(Demonstration.tasks(["x", "y"], 4)) == [()]
