"""What a choice between two says, and what a wrong one looks like."""

from typing import Any

import pytest

from rather.errors import DataError
from rather.feedback.answer import Judged, LeftOut
from rather.feedback.pair import Pair
from rather.records import Choice, Judgment, Message, Prompt

PROMPT = Prompt("p1", (Message("user", "Why?"),), "train")
ANSWER = {"left_completion_id": "c1", "right_completion_id": "c2", "choice": "A"}


def judged(answer: dict[str, Any]) -> Judged:
    judgment = Judgment("01", "pair", "p1", "ann", answer, "2026", "k", True)
    return Judged(judgment, PROMPT, {"c1": "One.", "c2": "Two."})


def test_json_there_and_back() -> None:
    assert Pair("c1", "c2", "A").to_answer() == ANSWER
    assert Pair.from_answer(ANSWER) == Pair("c1", "c2", "A")
    assert Pair.from_answer(ANSWER | {"strength": 3}).to_answer() == ANSWER | {"strength": 3}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"choice": "C"}, "choice"),
        ({"choice": None}, "choice"),
        ({"choice": []}, "choice"),
        ({"strength": 4}, "strength"),
        ({"strength": True}, "strength"),
        ({"right_completion_id": "c1"}, "right_completion_id"),
        ({"left_completion_id": 7}, "left_completion_id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError, match=f"wrong field {field}"):
        Pair.from_answer(ANSWER | change)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(DataError, match="wrong field choice: it is missing"):
        Pair.from_answer({"left_completion_id": "c1", "right_completion_id": "c2"})


@pytest.mark.parametrize(("choice", "ranks"), [("A", (1, 2)), ("B", (2, 1)), ("tie", (1, 1))])
def test_a_choice_is_a_comparison(choice: Choice, ranks: tuple[int, int]) -> None:
    comparison = Pair("c1", "c2", choice, 2).comparison(judged(ANSWER))
    assert comparison.completions == ("One.", "Two.")
    assert comparison.ranks == ranks
    assert (comparison.strength, comparison.judgment_id, comparison.is_simulated) == (2, "01", True)
    assert Pair("c1", "c2", choice).thumbs() == ()


def test_both_bad_compares_nothing_but_says_two_things() -> None:
    both = Pair("c1", "c2", "both_bad")
    with pytest.raises(LeftOut, match="both answers were called bad"):
        both.comparison(judged(ANSWER))
    assert both.thumbs() == (("c1", False), ("c2", False))


def test_what_is_said_goes_by_the_sides() -> None:
    said = {
        "kind": "pair",
        "choice": "A",
        "strength": 2,
        "dimensions": {"kind": "B", "true": "tie"},
    }
    pair = Pair.from_said(said, ["x", "y"])
    assert pair == Pair("x", "y", "A", 2, (("kind", "B"), ("true", "tie")))
    assert pair.to_said(["x", "y"]) == said
    mirrored = {"kind": "pair", "choice": "B", "strength": 2}
    assert pair.to_said(["y", "x"]) == mirrored | {"dimensions": {"kind": "A", "true": "tie"}}


def test_dimensions_are_kept_in_the_answer() -> None:
    answer = {
        "left_completion_id": "x",
        "right_completion_id": "y",
        "choice": "tie",
        "dimensions": {"kind": "A"},
    }
    assert Pair.from_answer(answer).to_answer() == answer
    for wrong in ([], {"kind": "C"}, {"kind": "both_bad"}):
        with pytest.raises(DataError, match="a wrong field dimensions"):
            Pair.from_answer(answer | {"dimensions": wrong})


@pytest.mark.parametrize("choice", ["tie", "both_bad"])
def test_strength_goes_with_a_winner(choice: str) -> None:
    with pytest.raises(DataError, match="strength: it goes with A or B only"):
        Pair.from_said({"choice": choice, "strength": 1}, ["x", "y"])


def test_right_is_what_chooses_the_same_completion() -> None:
    truth = Pair("x", "y", "A")
    assert Pair("x", "y", "A", 3).fits(truth)
    assert Pair("y", "x", "B").fits(truth)
    assert not Pair("y", "x", "A").fits(truth)
    assert not Pair("x", "y", "tie").fits(truth)


def test_every_two_answers_are_a_pair() -> None:
    assert list(Pair.tasks(["a", "b", "c"], 4)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert list(Pair.tasks(["a"], 4)) == []
