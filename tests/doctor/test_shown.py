"""What people and models wrote, as it can be shown."""

from typing import Any

import pytest

from rather.data.tokens import Codec
from rather.doctor.shown import pieces, question, quoted, quoted_end, visible
from rather.records import Message, Prompt


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("abc\u202edef", "abc\\u202edef"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
    ],
)
def test_nothing_is_hidden_or_obeyed(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_texts_are_cut() -> None:
    assert quoted("abcdef", 6) == "“abcdef”"
    assert quoted("abcdefg", 6) == "“abcde…”"
    assert quoted_end("abcdefg", 6) == "“…cdefg”"
    assert quoted_end("abcdef", 6) == "“abcdef”"


def test_a_prompt_is_shown_by_its_last_message() -> None:
    messages = (Message("system", "Sing."), Message("user", "Why?"))
    assert question(Prompt("p", messages, "train")) == "“Why?”"


def test_tokens_are_shown_one_by_one(tiny_tokenizer: Any) -> None:
    codec = Codec(tiny_tokenizer, (2,), 64)
    assert pieces(codec, codec.completion_ids("a the\n")) == "[a][ the][\\n][<|end|>]"
    # ü is two bytes, neither of which is a character
    assert pieces(codec, codec.completion_ids("ü", is_cut_off=True)) == "[Ã][¼]"
