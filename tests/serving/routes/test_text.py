"""The official client against the server: texts that are gone on with."""

from typing import Any

import openai
import pytest
from openai import OpenAI


def ask(client: OpenAI, model: str = "base", **how: Any) -> Any:
    given: dict[str, Any] = {"prompt": "Hello the", "max_tokens": 10, "seed": 5} | how
    return client.completions.create(model=model, **given)


def test_a_text_is_gone_on_with_as_it_stands(client: OpenAI) -> None:
    reply = ask(client, "ppo-2", n=2)
    assert reply.id.startswith("cmpl-")
    assert (reply.object, reply.model, len(reply.choices)) == ("text_completion", "ppo-2", 2)
    # H e l l o and " the": no template around it, and the tokenizer has no start token
    assert reply.usage.prompt_tokens == 6


def test_a_stream_is_the_text_in_pieces(client: OpenAI) -> None:
    whole = ask(client, logprobs=2)
    chunks = list(ask(client, logprobs=2, stream=True, stream_options={"include_usage": True}))
    pieces = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(one.text for one in pieces) == whole.choices[0].text
    offsets = [at for one in pieces if one.logprobs for at in one.logprobs.text_offset]
    assert offsets == whole.choices[0].logprobs.text_offset
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def test_logprobs_lie_beside_the_tokens_of_the_text(client: OpenAI) -> None:
    found = ask(client, temperature=0, logprobs=2).choices[0].logprobs
    offset = 0
    for token, at, own, top in zip(
        found.tokens, found.text_offset, found.token_logprobs, found.top_logprobs, strict=True
    ):
        assert at == offset
        offset += len(token)
        assert max(top.values()) == own


def test_what_is_not_supported_is_refused(client: OpenAI) -> None:
    for how, param in (
        ({"echo": True}, "echo"),
        ({"suffix": "end"}, "suffix"),
        ({"prompt": ["one", "two"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": ""}, "prompt"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, **how)
        assert caught.value.param == param
    with pytest.raises(openai.BadRequestError, match="best_of"):
        ask(client, best_of=3)
