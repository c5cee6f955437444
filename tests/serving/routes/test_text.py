"""The official client against the server: texts that are gone on with."""

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.serving.conftest import House


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
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[1], []]}, "prompt"),
        ({"prompt": [1, "two"]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": [2.5]}, "prompt"),
        ({"prompt": ["one"] * 33}, "prompt"),
        ({"prompt": [5, 262]}, "prompt"),  # the tokenizer has 262: 3 special, 256 bytes, 3 merges
        ({"prompt": [[5], [1 << 40]]}, "prompt"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, **how)
        assert caught.value.param == param
    with pytest.raises(openai.BadRequestError, match="best_of"):
        ask(client, best_of=3)
    with pytest.raises(openai.BadRequestError, match="at most 64 completions"):
        ask(client, prompt=["one"] * 9, n=8)
    with pytest.raises(openai.BadRequestError, match=r"there is no token 262; .* 0 to 261"):
        ask(client, prompt=[262])
    with pytest.raises(openai.BadRequestError, match="takes 256 tokens") as caught:
        ask(client, prompt=[5] * 256)
    assert caught.value.code == "context_length_exceeded"
    assert ask(client, prompt=[261, 0, 2], max_tokens=3).usage.prompt_tokens == 3


def test_tokens_are_gone_on_with_like_the_text_they_are_of(client: OpenAI, house: House) -> None:
    ids = list(house.library.codec("base").completion_ids("Hello the", is_cut_off=True))
    assert len(ids) == 6
    for how in ({"seed": 5}, {"temperature": 0, "logprobs": 2}):
        by_text, by_tokens = ask(client, "ppo-2", **how), ask(client, "ppo-2", prompt=ids, **how)
        assert by_tokens.choices == by_text.choices
        assert by_tokens.usage == by_text.usage


def test_several_prompts_each_get_what_they_get_alone(client: OpenAI) -> None:
    """Three prompts, two completions each: choices 0 and 1 are the first one's."""
    prompts: list[Any] = ["Hello the", "Why", [75, 76, 77]]
    alone = [ask(client, "ppo-3", prompt=one, n=2) for one in prompts]
    wanted = [choice.text for reply in alone for choice in reply.choices]
    assert len(set(wanted)) > 3
    together = ask(client, "ppo-3", prompt=prompts, n=2)
    assert [choice.index for choice in together.choices] == [0, 1, 2, 3, 4, 5]
    assert [choice.text for choice in together.choices] == wanted
    assert together.usage.prompt_tokens == sum(one.usage.prompt_tokens for one in alone)
    assert together.usage.completion_tokens == sum(one.usage.completion_tokens for one in alone)
    pieces = [""] * 6
    for chunk in ask(client, "ppo-3", prompt=prompts, n=2, stream=True):
        for choice in chunk.choices:
            pieces[choice.index] += choice.text
    assert pieces == wanted
