"""An edited answer is a demonstration and the pair edited over original."""

import pytest

from rather.errors import DataError
from rather.feedback.answer import Judged, LeftOut
from rather.feedback.correction import Correction
from rather.records import Demonstration, Judgment, Message, Prompt

PROMPT = Prompt("p1", (Message("user", "Why?"),), "train")
ANSWER = {"completion_id": "c1", "text": "Better."}
JUDGMENT = Judgment("01", "correction", "p1", "ann", ANSWER, "2026", "k", False)


def test_json_there_and_back() -> None:
    assert Correction("c1", "Better.").to_answer() == ANSWER
    assert Correction.from_answer(ANSWER) == Correction("c1", "Better.")
    with pytest.raises(DataError, match="wrong field text"):
        Correction.from_answer(ANSWER | {"text": " "})


def test_it_teaches_twice() -> None:
    judged = Judged(JUDGMENT, PROMPT, {"c1": "Good."})
    comparison = Correction("c1", "Better.").comparison(judged)
    assert (comparison.completions, comparison.ranks) == (("Better.", "Good."), (1, 2))
    assert Correction("c1", "Better.").demonstration(judged) == Demonstration(PROMPT, "Better.")


def test_an_unknown_original_compares_nothing() -> None:
    with pytest.raises(LeftOut, match="c1 is not known"):
        Correction("c1", "Better.").comparison(Judged(JUDGMENT, PROMPT, {}))


def test_what_is_said_of_the_answer_at_a_place() -> None:
    correction = Correction.from_said({"text": "So.", "place": 1}, ["x", "y"])
    assert correction == Correction("y", "So.")
    assert correction.to_said(["x", "y"]) == {"kind": "correction", "text": "So.", "place": 1}
    assert correction.to_said(["y"]) == {"kind": "correction", "text": "So.", "place": 0}
    assert list(Correction.tasks(["x", "y"], 4)) == [("x",), ("y",)]
    with pytest.raises(DataError, match="place: there is no such answer"):
        Correction.from_said({"text": "So.", "place": 2}, ["x", "y"])
