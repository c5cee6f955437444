"""Conversations in, messages that take turns out, or the place that is wrong."""

from typing import Any

import pytest

from rather.data.collected import BadField
from rather.data.conversations import (
    answer_of,
    conversation_of,
    hh_messages,
    messages_of,
    prompt_of,
    split_answer,
)
from rather.records import Message


def turn(role: str, content: Any = "x") -> dict[str, Any]:
    return {"role": role, "content": content}


def test_usual_names_and_parts_are_understood() -> None:
    given = [
        {"from": "system", "value": "Be kind."},
        {"from": "human", "value": "Hi"},
        turn("gpt", [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]),
    ]
    assert messages_of(given, "m") == (
        Message("system", "Be kind."),
        Message("user", "Hi"),
        Message("assistant", "Hello"),
    )


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        ([], "m", "must be a list"),
        ("text", "m", "must be a list"),
        ([turn("user"), turn("user")], "m[1]", "second user turn in a row"),
        ([turn("user"), turn("assistant"), turn("assistant")], "m[2]", "second assistant turn"),
        ([turn("user"), turn("system")], "m[1]", "not the first"),
        ([turn("assistant"), turn("user")], "m[0]", "no user turn before it"),
        ([turn("system"), turn("assistant")], "m[1]", "no user turn before it"),
        ([turn("tool")], "m[0].role", "must be system, user or assistant, it is 'tool'"),
        ([turn("user", " \n")], "m[0].content", "is empty"),
        ([turn("user", 3)], "m[0].content", "must be a text, it is a int"),
        ([turn("user", [{"type": "image"}])], "m[0].content", "not text"),
        (["hi"], "m[0]", "must be an object"),
    ],
)
def test_what_does_not_take_turns_is_refused(value: Any, field: str, reason: str) -> None:
    with pytest.raises(BadField) as caught:
        messages_of(value, "m")
    assert caught.value.field == field
    assert reason in caught.value.reason


def test_hh_dialogues_are_split() -> None:
    text = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Why?\n\nAssistant: So.\n\nSo it is."
    messages = hh_messages(text, "chosen")
    assert [message.role for message in messages] == ["user", "assistant", "user", "assistant"]
    prompt, answer = split_answer(messages, "chosen")
    assert (prompt[-1].content, answer) == ("Why?", "So.\n\nSo it is.")


@pytest.mark.parametrize(
    ("values", "contents", "is_text"),
    [
        ({"prompt": " Why? "}, [" Why? "], True),
        ({"prompt": [turn("user", "Why?")]}, ["Why?"], False),
        ({"prompt": "\n\nHuman: Why?\n\nAssistant:"}, ["Why?"], False),
        ({"question": "Why?"}, ["Why?"], True),
        ({"text": "Why?"}, ["Why?"], True),
        ({"turns": ["Why?", "And how?"]}, ["Why?"], True),
        ({"instruction": "Sum.", "input": "1, 2"}, ["Sum.\n\n1, 2"], True),
        ({"instruction": "Sum.", "input": "", "system": "S"}, ["S", "Sum."], True),
        ({"messages": [turn("user", "Why?")], "system": "S"}, ["S", "Why?"], False),
    ],
)
def test_prompts_are_found_under_their_names(
    values: dict[str, Any], contents: list[str], is_text: bool
) -> None:
    messages, found_is_text = prompt_of(values)
    assert [message.content for message in messages] == contents
    assert found_is_text is is_text


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": [turn("user"), turn("assistant")]}, "prompt"),
        ({"prompt": [turn("system")]}, "prompt"),
        ({"turns": []}, "turns"),
        ({"turns": [3]}, "turns[0]"),
    ],
)
def test_a_prompt_that_cannot_be_answered_is_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(BadField) as caught:
        prompt_of(values)
    assert caught.value.field == field


def test_a_whole_conversation_is_prompt_and_answer() -> None:
    values = {"messages": [turn("user", "Why?"), turn("assistant", "So.")]}
    assert conversation_of(values) == ((Message("user", "Why?"),), "So.")
    assert conversation_of({"prompt": "Why?"}) is None
    with pytest.raises(BadField, match="must end with the assistant"):
        conversation_of({"messages": [turn("user")]})


def test_an_answer_is_a_text_or_one_assistant_message() -> None:
    assert answer_of(" blue.", "chosen") == " blue."
    assert answer_of([turn("assistant", "So.")], "chosen") == "So."
    for wrong in ([turn("user")], [turn("user"), turn("assistant")], "", None, 3):
        with pytest.raises(BadField):
            answer_of(wrong, "chosen")
