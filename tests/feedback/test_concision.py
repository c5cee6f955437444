"""`concision` against values worked by hand from its documented formula."""

import pytest

from rather.feedback.concision import concision, length_factor
from rather.records import Message, Prompt

ONIONS = Prompt("p", (Message("user", "Why do onions make people cry?"),), "train")


@pytest.mark.parametrize(
    ("num_words", "factor"),
    [(1, 0.125), (6, 0.75), (8, 1.0), (30, 1.0), (60, 0.65), (120, 0.30), (300, 0.0)],
)
def test_length_factor(num_words: int, factor: float) -> None:
    assert length_factor(num_words) == pytest.approx(factor)


def test_nothing_said_scores_zero() -> None:
    assert concision(ONIONS, "") == 0.0
    assert concision(ONIONS, " ...\n") == 0.0


def test_a_short_complete_answer_scores_high() -> None:
    # 9 words; 5 new words: 1 − 0.7·0.3^5 = .998299; 1 shared (onion): 0.925
    answer = "Cut onions release a gas that stings the eyes."
    assert concision(ONIONS, answer) == pytest.approx(0.998299 * 0.925, abs=1e-6)


def test_cut_off_costs_more_than_half() -> None:
    # the same 9 words without the stop: times 0.4
    answer = "Cut onions release a gas that stings the eyes"
    assert concision(ONIONS, answer) == pytest.approx(0.4 * 0.998299 * 0.925, abs=1e-6)


def test_one_word_scores_low() -> None:
    # 1 word of 8, one new word: 0.79, none shared: 0.85
    assert concision(ONIONS, "Gas.") == pytest.approx(0.125 * 0.79 * 0.85)


def test_an_echo_of_the_question_is_no_answer() -> None:
    # 6 words: 0.75; nothing new: 0.3; shared words: 1
    assert concision(ONIONS, "Why do onions make people cry?") == pytest.approx(0.225)


def test_a_list_is_halved() -> None:
    # 8 words ("1" and "2" count); new: gas, burns, eyes, salts, wash, water; none shared
    answer = "1. Gas burns eyes.\n2. Salts wash water."
    assert concision(ONIONS, answer) == pytest.approx(0.5 * (1 - 0.7 * 0.3**6) * 0.85)


def test_repetition_does_not_pay() -> None:
    # 9 times one word: 1 of 7 trigrams distinct = .142857, 1 of 9 words distinct / 0.7 = .158730
    answer = "gas gas gas gas gas gas gas gas gas."
    assert concision(ONIONS, answer) == pytest.approx(0.79 * 0.85 / 7)
