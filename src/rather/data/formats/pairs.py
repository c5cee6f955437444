"""Rows that compare two answers.

{"prompt", "chosen", "rejected"}    TRL; texts or messages; strength or margin 1, 2, 3
{"chosen", "rejected"}              TRL without prompt, or HH: the prompt is what both begin with
{"model_a", "model_b", "winner", "conversation_a", "conversation_b"}      Arena
{"prompt", "a", "b", "label"}       and votes: [{annotator, choice}] or {"a": n, "b": n, "tie": n};
                                    the label counts where there are no votes
"""

from typing import Any

from rather.data.collected import BadField
from rather.data.conversations import (
    Messages,
    answer_of,
    hh_messages,
    is_hh,
    messages_of,
    prompt_of,
    split_answer,
    text_of,
)
from rather.data.formats.draft import (
    NAMELESS,
    Draft,
    imported_completion,
    labeller_of,
    require_different,
)
from rather.feedback.pair import Pair
from rather.records import Choice, Message

_CHOICES: dict[str, Choice] = {
    "a": "A",
    "b": "B",
    "model_a": "A",
    "model_b": "B",
    "tie": "tie",
    "both_bad": "both_bad",
    "tie (bothbad)": "both_bad",
}
_MAX_VOTES = 1000


def read(values: dict[str, Any]) -> Draft:
    """The prompt of a row, its two answers and who preferred which."""
    if "conversation_a" in values:
        return _read_arena(values)
    if "chosen" in values or "rejected" in values:
        return _read_chosen(values)
    return _read_votes(values)


def _read_arena(values: dict[str, Any]) -> Draft:
    sides = []
    for field in ("conversation_a", "conversation_b"):
        sides.append(split_answer(messages_of(values.get(field), field), field))
    (messages, a), (other, b) = sides
    if messages != other:
        raise BadField("conversation_b", "differs from conversation_a before the last answer")
    require_different(a, b, "conversation_b")
    models = [text_of(values.get(field), field) for field in ("model_a", "model_b")]
    choice = _choice(values.get("winner"), "winner")
    left = imported_completion(messages, a, models[0])
    right = imported_completion(messages, b, models[1])
    verdict = (labeller_of(values), Pair(left.id, right.id, choice))
    return Draft(messages, False, (left, right), (verdict,))


def _read_chosen(values: dict[str, Any]) -> Draft:
    better = _whole(values.get("chosen"), "chosen")
    worse = _whole(values.get("rejected"), "rejected")
    if better is not None and worse is not None:
        (messages, chosen), (other, rejected) = better, worse
        if messages != other:
            raise BadField("rejected", "differs from chosen before the last answer")
        is_text = False
        if "prompt" in values:
            _require_same_prompt(values, messages)
    elif "prompt" in values or "instruction" in values or "question" in values:
        messages, is_text = prompt_of(values)
        chosen = answer_of(values.get("chosen"), "chosen")
        rejected = answer_of(values.get("rejected"), "rejected")
    else:
        messages, chosen, rejected = _split_texts(values)
        is_text = True
    require_different(chosen, rejected, "rejected")
    left = imported_completion(messages, chosen)
    right = imported_completion(messages, rejected)
    verdict = (labeller_of(values), Pair(left.id, right.id, "A", _strength(values)))
    return Draft(messages, is_text, (left, right), (verdict,))


def _whole(value: Any, field: str) -> tuple[Messages, str] | None:
    """Prompt and answer of a field that holds a whole conversation."""
    if is_hh(value):
        return split_answer(hh_messages(value, field), field)
    if isinstance(value, list) and len(value) > 1:
        return split_answer(messages_of(value, field), field)
    return None


def _require_same_prompt(values: dict[str, Any], messages: Messages) -> None:
    given, is_text = prompt_of(values)
    asked = [message.content for message in messages if message.role == "user"]
    if given != messages and not (is_text and given[0].content in (asked[0], asked[-1])):
        raise BadField("prompt", "is not what chosen and rejected begin with")


def _split_texts(values: dict[str, Any]) -> tuple[Messages, str, str]:
    """The words that both texts begin with are the prompt, as TRL has it."""
    chosen = text_of(values.get("chosen"), "chosen")
    rejected = text_of(values.get("rejected"), "rejected")
    require_different(chosen, rejected, "rejected")
    steps = enumerate(zip(chosen, rejected, strict=False))
    num_shared = next((i for i, (one, other) in steps if one != other), 0)
    prompt = chosen[: max(chosen.rfind(" ", 0, num_shared), 0)]
    if not prompt.strip():
        raise BadField("prompt", "is missing, and chosen and rejected do not begin alike")
    answers = [text_of(text[len(prompt) :], "chosen") for text in (chosen, rejected)]
    return (Message("user", prompt),), answers[0], answers[1]


def _strength(values: dict[str, Any]) -> int | None:
    for field in ("strength", "margin"):
        value = values.get(field)
        if value is not None and not isinstance(value, bool) and value in (1, 2, 3):
            return int(value)
        if value is not None and field == "strength":
            raise BadField(field, "must be 1, 2 or 3")
    return None


def _read_votes(values: dict[str, Any]) -> Draft:
    messages, is_text = prompt_of(values)
    a, b = (answer_of(values.get(field), field) for field in ("a", "b"))
    require_different(a, b, "b")
    left, right = imported_completion(messages, a), imported_completion(messages, b)
    votes = _votes(values.get("votes"))
    if not votes:
        votes = [(labeller_of(values), _choice(values.get("label"), "label"))]
    verdicts = tuple((name, Pair(left.id, right.id, choice)) for name, choice in votes)
    return Draft(messages, is_text, (left, right), verdicts)


def _votes(value: Any) -> list[tuple[str, Choice]]:
    """(labeller's name, choice) of each vote."""
    if value is None:
        return []
    if isinstance(value, dict):
        for name, number in value.items():
            if type(number) is not int or not 0 <= number <= _MAX_VOTES:
                raise BadField(f"votes.{name}", f"must be a number of votes up to {_MAX_VOTES}")
        return [
            (NAMELESS, _choice(name, "votes"))
            for name, number in value.items()
            for _ in range(number)
        ]
    if not isinstance(value, list) or not all(isinstance(vote, dict) for vote in value):
        raise BadField("votes", "must be a list of {annotator, choice}, or counts by choice")
    return [
        (labeller_of(vote), _choice(vote.get("choice"), f"votes[{i}].choice"))
        for i, vote in enumerate(value)
    ]


def _choice(value: Any, field: str) -> Choice:
    if value is None:
        raise BadField(field, "is missing")
    if not isinstance(value, str) or value not in _CHOICES:
        raise BadField(field, f"must be one of {', '.join(_CHOICES)}, it is {value!r}")
    return _CHOICES[value]
