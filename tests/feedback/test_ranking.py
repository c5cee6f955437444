"""What an order of K says."""

from typing import Any

import pytest

from rather.errors import DataError
from rather.feedback.answer import Judged, LeftOut
from rather.feedback.ranking import Ranking
from rather.records import Judgment, Message, Prompt

PROMPT = Prompt("p1", (Message("user", "Why?"),), "train")
ANSWER = {"completion_ids": ["c1", "c2", "c3"], "ranks": [2, 1, 2]}


def judged(**texts: str) -> Judged:
    judgment = Judgment("01", "ranking", "p1", "ann", ANSWER, "2026", "k", False)
    return Judged(judgment, PROMPT, texts)


def test_json_there_and_back() -> None:
    ranking = Ranking(("c1", "c2", "c3"), (2, 1, 2))
    assert ranking.to_answer() == ANSWER
    assert Ranking.from_answer(ANSWER) == ranking


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ranks": [1, 2]}, "ranks"),
        ({"ranks": [0, 1, 2]}, "ranks"),
        ({"ranks": [1, 2, True]}, "ranks"),
        ({"ranks": "123"}, "ranks"),
        ({"completion_ids": ["c1", "c1", "c2"]}, "completion_ids"),
        ({"completion_ids": ["c1"], "ranks": [1]}, "completion_ids"),
        ({"completion_ids": 3}, "completion_ids"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError, match=f"wrong field {field}"):
        Ranking.from_answer(ANSWER | change)


def test_a_ranking_is_one_comparison_of_all() -> None:
    comparison = Ranking.from_answer(ANSWER).comparison(judged(c1="One.", c2="Two.", c3="Three."))
    assert comparison.completions == ("One.", "Two.", "Three.")
    assert comparison.ranks == (2, 1, 2)


def test_a_text_that_is_there_twice_counts_once() -> None:
    comparison = Ranking.from_answer(ANSWER).comparison(judged(c1="One.", c2="Two.", c3="One."))
    assert comparison.completions == ("One.", "Two.")
    assert comparison.ranks == (2, 1)


def test_one_text_at_two_ranks_teaches_nothing() -> None:
    with pytest.raises(LeftOut, match="ranked differently"):
        Ranking.from_answer(ANSWER).comparison(judged(c1="One.", c2="One.", c3="Two."))


@pytest.mark.parametrize(
    ("num", "groups"),
    [
        (0, []),
        (1, []),
        (2, ["ab"]),
        (3, ["abc"]),
        (4, ["abcd"]),
        (5, ["abcd", "cde"]),
        (6, ["abcd", "def"]),
        (7, ["abcd", "efg"]),
        (9, ["abcd", "efgh", "ghi"]),
    ],
)
def test_every_answer_is_in_a_group_of_three_or_more(num: int, groups: list[str]) -> None:
    found = ["".join(group) for group in Ranking.tasks("abcdefghi"[:num], 4)]
    assert found == groups


def test_what_is_said_goes_by_the_order_shown() -> None:
    ranking = Ranking.from_said({"ranks": [2, 1, 2]}, ["x", "y", "z"])
    assert ranking == Ranking(("x", "y", "z"), (2, 1, 2))
    assert ranking.to_said(["z", "y", "x"]) == {"kind": "ranking", "ranks": [2, 1, 2]}
    assert ranking.to_said(["y", "x", "z"]) == {"kind": "ranking", "ranks": [1, 2, 2]}
    with pytest.raises(DataError, match="one rank for each answer"):
        Ranking.from_said({"ranks": [1, 2]}, ["x", "y", "z"])


def test_right_is_what_orders_all_that_the_truth_orders() -> None:
    truth = Ranking(("x", "y", "z"), (1, 2, 2))
    assert Ranking(("z", "y", "x"), (3, 2, 1)).fits(truth)
    assert Ranking(("x", "y", "z"), (1, 3, 2)).fits(truth)
    assert not Ranking(("x", "y", "z"), (1, 1, 2)).fits(truth)
    assert not Ranking(("x", "y", "z"), (2, 1, 3)).fits(truth)
