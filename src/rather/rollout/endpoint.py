"""Sampling from an OpenAI-compatible server, named as http://host:port/v1#model."""

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rather.errors import EnvironmentFault, UsageError
from rather.records import FinishReason, Prompt

CONCURRENCY = 8
TIMEOUT_SECONDS = 300
UNUSABLE = (
    OSError,
    http.client.HTTPException,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What reading a reply raises when the server is gone, or speaks something else."""


@dataclass(frozen=True)
class Answer:
    """One completion as the server gave it."""

    text: str
    finish_reason: FinishReason
    num_tokens: int


def is_address(name: str) -> bool:
    """Whether a model's name is a server's address."""
    return name.startswith(("http://", "https://"))


def sample(
    address: str, wanted: Sequence[tuple[Prompt, tuple[int, ...]]], settings: dict[str, Any]
) -> list[list[Answer]]:
    """Answers of each (prompt, seeds).

    Raises UsageError for an address without a model, EnvironmentFault when the server fails.
    """
    url, model = chat_of(address)
    jobs = [(prompt, seed) for prompt, seeds in wanted for seed in seeds]

    def ask(job: tuple[Prompt, int]) -> Answer:
        prompt, seed = job
        return chat(url, _body(model, prompt, seed, settings))

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        answers = list(pool.map(ask, jobs))
    ends = [0]
    for _, seeds in wanted:
        ends.append(ends[-1] + len(seeds))
    return [answers[a:b] for a, b in pairwise(ends)]


def chat_of(address: str) -> tuple[str, str]:
    """Where a server's chats are answered, and its model; UsageError for an address without one."""
    url, _, model = address.partition("#")
    if not model:
        raise UsageError(f"{address} names no model; write it as http://host:port/v1#model.")
    return url.rstrip("/") + "/chat/completions", model


def _body(model: str, prompt: Prompt, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [vars(message) for message in prompt.messages],
        "temperature": settings["temperature"],
        "top_p": settings["top_p"],
        "max_tokens": settings["max_new_tokens"],
        "seed": seed % 2**31,
    }


def post_json(url: str, body: dict[str, Any], key: str | None) -> Any:
    """What a server answers to a JSON body, sent with a bearer key where there is one.

    Raises EnvironmentFault, in one sentence, when it refuses.
    """
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise EnvironmentFault(f"{url} answered {error.code} {error.reason}.") from None
    except UNUSABLE as error:
        raise unusable(url, error) from None


def unusable(url: str, error: Exception) -> EnvironmentFault:
    """The sentence for a server that is gone, or speaks something else."""
    return EnvironmentFault(f"{url} gave no usable answer ({type(error).__name__}: {error}).")


def chat(url: str, body: dict[str, Any]) -> Answer:
    """What a server answers to a chat, with the key in $OPENAI_API_KEY where there is one.

    Raises EnvironmentFault, in one sentence, when it refuses or answers something else.
    """
    reply = post_json(url, body, os.environ.get("OPENAI_API_KEY"))
    try:
        choice = reply["choices"][0]
        text = (choice["message"]["content"] or "").replace("\x00", "\ufffd")
        tokens = (reply.get("usage") or {}).get("completion_tokens")
        reason: FinishReason = "length" if choice.get("finish_reason") == "length" else "stop"
        return Answer(text, reason, int(tokens) if tokens is not None else len(text.split()))
    except UNUSABLE as error:
        raise unusable(url, error) from None
