"""Conversations as people write them, turned into messages or refused with a reason.

| what is found                                   | what becomes of it                      |
|-------------------------------------------------|-----------------------------------------|
| role human, user, prompter / gpt, assistant,    | user / assistant                        |
| bot, model                                      |                                         |
| {from, value} (ShareGPT)                        | {role, content}                         |
| content as a list of {type: text, text}         | the texts, joined                       |
| "\\n\\nHuman: ... \\n\\nAssistant: ..." (HH)    | messages                                |
| a system message that is not the first          | refused                                 |
| two user turns (or two assistant turns) in a row | refused                                 |
| a first turn by the assistant                   | refused                                 |
| tool, function and other roles                  | refused                                 |
| an empty turn                                   | refused                                 |
"""

import re
from typing import Any

from rather.data.collected import BadField
from rather.records import Message

_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
_HH_TURN = re.compile(r"\n\n(Human|Assistant):[ ]?")

Messages = tuple[Message, ...]


def messages_of(value: Any, field: str) -> Messages:
    """A list of turns as messages that take turns; BadField says what is wrong."""
    if not isinstance(value, list) or not value:
        raise BadField(field, "must be a list of messages that is not empty")
    messages = tuple(_message(turn, f"{field}[{i}]") for i, turn in enumerate(value))
    for i, message in enumerate(messages):
        before = messages[i - 1].role if i else None
        if message.role == "system" and i:
            raise BadField(f"{field}[{i}]", "is a system message that is not the first")
        if message.role == "assistant" and before in (None, "system") and len(messages) > 1:
            raise BadField(f"{field}[{i}]", "is an assistant turn with no user turn before it")
        if message.role == before:
            raise BadField(f"{field}[{i}]", f"is a second {message.role} turn in a row")
    return messages


def text_of(value: Any, field: str) -> str:
    """A text with something in it, unchanged."""
    if value is None:
        raise BadField(field, "is missing")
    if not isinstance(value, str):
        raise BadField(field, f"must be a text, it is a {type(value).__name__}")
    if not value.strip():
        raise BadField(field, "is empty")
    return value


def is_hh(value: Any) -> bool:
    """Whether a text is a whole dialogue in the form of Anthropic's HH data."""
    return isinstance(value, str) and value.startswith("\n\nHuman:")


def hh_messages(text: str, field: str) -> Messages:
    """The messages of an HH dialogue; an open "Assistant:" at the end is the answer's place."""
    _, *parts = _HH_TURN.split(text)
    turns = [
        {"role": role.lower(), "content": content.strip()}
        for role, content in zip(parts[::2], parts[1::2], strict=True)
    ]
    if turns[-1] == {"role": "assistant", "content": ""}:
        turns.pop()
    return messages_of(turns, field)


def split_answer(messages: Messages, field: str) -> tuple[Messages, str]:
    """A whole conversation as its prompt and its last answer."""
    if messages[-1].role != "assistant":
        raise BadField(field, "must end with the assistant's answer")
    return prompt_messages(messages[:-1], field), messages[-1].content


def prompt_messages(messages: Messages, field: str) -> Messages:
    """The messages, which end where the assistant is to answer."""
    if not messages or messages[-1].role != "user":
        raise BadField(field, "must have a user turn just before the answer")
    return messages


def prompt_of(values: dict[str, Any]) -> tuple[Messages, bool]:
    """A row's prompt under any of its usual names, and whether it was one plain text."""
    for field in ("prompt", "question", "text"):
        if field in values:
            return _prompt(values[field], field)
    if "instruction" in values:
        text = text_of(values["instruction"], "instruction")
        if values.get("input"):
            text += "\n\n" + text_of(values["input"], "input")
        return _with_system(values, (Message("user", text),)), True
    if "turns" in values:
        turns = values["turns"]
        if not isinstance(turns, list) or not turns:
            raise BadField("turns", "must be a list of texts that is not empty")
        return _prompt(turns[0], "turns[0]")
    for field in ("messages", "conversations"):
        if field in values:
            messages = messages_of(values[field], field)
            return prompt_messages(_with_system(values, messages), field), False
    raise BadField("prompt", "is missing")


def conversation_of(values: dict[str, Any]) -> tuple[Messages, str] | None:
    """Prompt and last answer of a row that holds a whole conversation; None where it has none."""
    for field in ("messages", "conversations"):
        if field in values:
            messages = _with_system(values, messages_of(values[field], field))
            return split_answer(messages, field)
    return None


def answer_of(value: Any, field: str) -> str:
    """An answer: a text, or a list with one assistant message."""
    if isinstance(value, list):
        messages = messages_of(value, field)
        if len(messages) != 1 or messages[0].role != "assistant":
            raise BadField(field, "must be one assistant message")
        return messages[0].content
    return text_of(value, field)


def _prompt(value: Any, field: str) -> tuple[Messages, bool]:
    if isinstance(value, list):
        return prompt_messages(messages_of(value, field), field), False
    if is_hh(value):
        return prompt_messages(hh_messages(value, field), field), False
    return (Message("user", text_of(value, field)),), True


def _with_system(values: dict[str, Any], messages: Messages) -> Messages:
    if values.get("system") and messages[0].role != "system":
        return (Message("system", text_of(values["system"], "system")), *messages)
    return messages


def _message(turn: Any, field: str) -> Message:
    if not isinstance(turn, dict):
        raise BadField(field, "must be an object with role and content")
    role = turn.get("role", turn.get("from"))
    content = turn.get("content", turn.get("value"))
    if not isinstance(role, str) or role not in _ROLES:
        raise BadField(f"{field}.role", f"must be system, user or assistant, it is {role!r}")
    if isinstance(content, list):
        content = "".join(_part(part, f"{field}.content") for part in content)
    return Message(_ROLES[role], text_of(content, f"{field}.content"))


def _part(part: Any, field: str) -> str:
    if not isinstance(part, dict) or part.get("type") != "text":
        raise BadField(field, "has a part that is not text")
    return text_of(part.get("text"), field)
