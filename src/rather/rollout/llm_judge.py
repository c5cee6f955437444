"""A language model behind an OpenAI-compatible endpoint that says which of two answers is better.

Every pair is asked in both orders, for such judges favour a place (Wang et al. 2023,
https://arxiv.org/abs/2305.17926); the question and the marks are MT-bench's (Zheng et al. 2023,
https://arxiv.org/abs/2306.05685).
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from rather.records import Prompt
from rather.rollout.endpoint import CONCURRENCY, chat, chat_of

Verdict = Literal["first", "second", "tie"]
_MARKS: dict[str, Verdict] = {"A": "first", "B": "second", "C": "tie"}
_MARK = re.compile(r"\[\[([ABC])\]\]")
MAX_TOKENS = 1024
_INSTRUCTIONS = """\
You compare two answers to one conversation as an impartial judge. What people were asked to judge \
by is this:

{guidelines}

Do not let the order in which the answers stand, or their length, influence you. Say briefly \
why, then end with exactly one of these marks: [[A]] if answer A is better, [[B]] if answer B is \
better, [[C]] for a tie."""


def question(prompt: Prompt, first: str, second: str, guidelines: str) -> list[dict[str, str]]:
    """The messages that ask which of two answers is better."""
    asked = "\n\n".join(f"{one.role}: {one.content}" for one in prompt.messages)
    shown = "\n\n".join(
        (
            f"[The conversation]\n{asked}",
            f"[The start of answer A]\n{first}\n[The end of answer A]",
            f"[The start of answer B]\n{second}\n[The end of answer B]",
        )
    )
    return [
        {"role": "system", "content": _INSTRUCTIONS.format(guidelines=guidelines)},
        {"role": "user", "content": shown},
    ]


def read_verdict(reply: str) -> Verdict | None:
    """The last mark in a reply; None where there is none."""
    marks = _MARK.findall(reply)
    return _MARKS[marks[-1]] if marks else None


def ask(
    address: str,
    questions: Sequence[list[dict[str, str]]],
    advance: Callable[[int], None] = lambda asked: None,
) -> list[str]:
    """The judge's reply to each question, at temperature 0.

    Raises UsageError for an address without a model, EnvironmentFault when the server fails.
    """
    url, model = chat_of(address)

    def reply(messages: list[dict[str, str]]) -> str:
        body: dict[str, Any] = {
            "model": model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
        }
        text = chat(url, body).text
        advance(1)
        return text

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return list(pool.map(reply, questions))
