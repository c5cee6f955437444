"""The words of a text, and the text a prompt asks with."""

import pytest

from rather.feedback.words import (
    content_stems,
    ends_complete,
    has_heading,
    list_lines,
    prompt_text,
    words,
)
from rather.records import Message, Prompt


def test_prompt_text_is_the_last_user_turn() -> None:
    turns = (
        Message("system", "Be kind."),
        Message("user", "Hello?"),
        Message("assistant", "Hi."),
        Message("user", "Why is tea green?"),
    )
    assert prompt_text(Prompt("p", turns, "train")) == "Why is tea green?"
    assert prompt_text(Prompt("p", turns[:1], "train")) == "Be kind."


def test_words_keep_hyphens_and_apostrophes() -> None:
    assert words("Don't over-think it, Zoë: 3.") == ["don't", "over-think", "it", "zoë", "3"]


def test_content_stems_leave_function_words_out() -> None:
    assert content_stems("Why is the baking of bread slow?") == ["bakin", "bread", "slow"]


@pytest.mark.parametrize(
    ("text", "is_complete"),
    [
        ("Done.", True),
        ('He said "stop!"', True),
        ("(It is.)", True),
        ("**Really?**  \n", True),
        ("and then", False),
        ("such as:", False),
        ("", False),
    ],
)
def test_ends_complete(text: str, is_complete: bool) -> None:
    assert ends_complete(text) is is_complete


def test_lists_and_headings_are_seen() -> None:
    assert list_lines("Well:\n- one\n* two\n3. three\n4) four\n-five") == 4
    assert has_heading("## Title\ntext")
    assert has_heading("**Title**\ntext")
    assert not has_heading("It is **very** good.")
