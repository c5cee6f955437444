"""Wishes as vLLM's requests, and vLLM's events as pieces."""

from collections.abc import Mapping, Sequence
from typing import Any

from rather.rollout.vllm.wire import draw
from rather.serving.backend import EndReason, Piece, TokenLogprob, Wish

END_REASONS: dict[str | None, EndReason | None] = {None: None, "stop": "stop", "length": "length"}
"""vLLM's other reasons (abort, error, repetition) are an end that the server made."""


def body_of(wish: Wish, number: int, stop_ids: Sequence[int]) -> dict[str, Any]:
    """What asks a server for one of a wish's completions, as a stream."""
    return draw(
        wish.model,
        wish.prompt_ids,
        wish.seeds[number],
        stop_ids,
        max_tokens=wish.max_new_tokens,
        temperature=wish.temperature,
        top_p=wish.top_p,
        stop=list(wish.stop),
        logprobs=wish.top_logprobs,
        stream=True,
    )


def piece_of(event: Mapping[str, Any], number: int, stop_ids: Sequence[int]) -> Piece:
    """One event of a completion's stream as a piece of the wish's completion `number`."""
    choice = event["choices"][0]
    ids = choice["token_ids"] or ()
    logprobs = _logprobs(choice["logprobs"]) if choice.get("logprobs") else ()
    if ids and ids[-1] in stop_ids:
        logprobs = logprobs[:-1]  # as it is no part of the text
    return Piece(
        number=number,
        text=choice["text"],
        num_tokens=len(ids),
        logprobs=logprobs,
        finish_reason=END_REASONS.get(choice["finish_reason"], "abort"),
    )


def _logprobs(told: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    together = zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True)
    return tuple(TokenLogprob(text, value, _likeliest(top)) for text, value, top in together)


def _likeliest(top: Mapping[str, float] | None) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((top or {}).items(), key=lambda one: -one[1]))
