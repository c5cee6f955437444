"""`plain_reader`, the independent judge, on answers whose features can be counted by eye."""

import pytest

from rather.feedback.judge import count_sentences, plain_reader
from rather.records import Message, Prompt

PROMPT = Prompt("p", (Message("user", "Why do onions make people cry?"),), "train")
GOOD = "Cut onions release a gas that stings the eyes."


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One here. Two here!", 2),
        ("Dr. Smith paid 3.50 dollars, i.e. too much.", 1),
        ('He said "Stop!" and "Go?"', 2),
        ("No end", 1),
        ("A line\nanother line.", 2),
        ("1. First item\n2. Second item", 2),
    ],
)
def test_count_sentences(text: str, count: int) -> None:
    assert count_sentences(text) == count


def test_a_short_complete_answer_gets_full_marks() -> None:
    assert plain_reader(PROMPT, GOOD) == pytest.approx(1.0)


def test_nothing_readable_scores_zero() -> None:
    assert plain_reader(PROMPT, "") == 0.0
    assert plain_reader(PROMPT, "?!") == 0.0


def test_cut_off_answer_is_weak_where_it_breaks() -> None:
    # complete 0.25 + 0.15 = 0.4, the others 1: 4 / (3 + 1 / 0.4)
    assert plain_reader(PROMPT, GOOD[:-1]) == pytest.approx(4 / 5.5)


def test_unbalanced_quotes_and_a_question_lose_completeness() -> None:
    # 0.6 + 0.15 without balance = 0.75; a question 0.2 + 0.25 + 0.15 = 0.6
    assert plain_reader(PROMPT, '"' + GOOD) == pytest.approx(4 / (3 + 1 / 0.75))
    assert plain_reader(PROMPT, GOOD[:-1] + "?") == pytest.approx(4 / (3 + 1 / 0.6))


def test_many_sentences_are_weak() -> None:
    # eight sentences: (2/8)^1.5 = 0.125; 16 words are 4.2 s
    half = "Gas stings. Salt helps. Water cools. Knives cut."
    text = half + " Eyes burn. Tears flow. Lids close. We cry."
    assert plain_reader(PROMPT, text) == pytest.approx(4 / (3 + 8))


def test_one_word_and_a_long_text_read_badly() -> None:
    # one word: 0.260870 s / 1.5 = 0.173913
    assert plain_reader(PROMPT, "Gas.") == pytest.approx(4 / (3 + 1 / 0.173913), rel=1e-5)
    assert plain_reader(PROMPT, ("alpha beta gamma delta " * 20).strip() + ".") < 0.1
