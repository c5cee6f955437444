"""Whole words only, whatever their case."""

import pytest

from rather.records import Completion
from rather.web.admin.leaks import Leaks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I am ChatGPT, made by OpenAI.", ["chatgpt", "openai"]),
        ("openai OPENAI (OpenAI)", ["openai"]),
        ("OpenAI's", ["openai"]),
        ("openair, myopenai, openai2, open_ai", []),
        ("C++ is", ["c++"]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert Leaks(("openai", "ChatGPT", "c++")).in_text(text) == found


def test_by_completion() -> None:
    answers = [Completion("one", "p", "Claude here.", "x"), Completion("two", "p", "Hi.", "x")]
    assert Leaks(("claude",)).of(answers) == {"one": ["claude"]}
    assert Leaks(()).of(answers) == {}
