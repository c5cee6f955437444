"""The official client against the server: chat, whole and streamed."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from rather.store.serving import aliases
from tests.serving.conftest import NUM_POLICIES, House, Running

HELLO: Any = [{"role": "user", "content": "Hello the world"}]


def ask(client: OpenAI, model: str = "base", **how: Any) -> Any:
    given: dict[str, Any] = {"messages": HELLO, "max_tokens": 12, "seed": 5} | how
    return client.chat.completions.create(model=model, **given)


def text_of(reply: Any) -> str:
    return str(reply.choices[0].message.content)


def test_an_answer_says_who_gave_it_and_what_it_took(client: OpenAI, shared_house: House) -> None:
    reply = ask(client, "ppo-3")
    assert reply.id.startswith("chatcmpl-")
    assert (reply.object, reply.model) == ("chat.completion", "ppo-3")
    assert reply.choices[0].finish_reason in ("stop", "length")
    assert reply.choices[0].message.role == "assistant"
    # <|start|> "user" newline, 9 bytes of "Hello" and " world" with " the" as one ...: by hand
    # 1+4+1 + 5+1+6 + 1+1 + 1+9+1 = 31
    assert reply.usage.prompt_tokens == 31
    assert reply.usage.total_tokens == 31 + reply.usage.completion_tokens
    assert reply.system_fingerprint == ask(client, "ppo-3").system_fingerprint
    assert reply.system_fingerprint != ask(client, "ppo-4").system_fingerprint


def test_a_stream_is_the_answer_in_pieces(client: OpenAI) -> None:
    whole = ask(client, "ppo-1", n=2)
    chunks = list(ask(client, "ppo-1", n=2, stream=True, stream_options={"include_usage": True}))
    assert len({chunk.id for chunk in chunks}) == 1
    assert [choice.delta.role for choice in chunks[0].choices] == ["assistant"] * 2
    for number in (0, 1):
        mine = [c for chunk in chunks for c in chunk.choices if c.index == number]
        text = "".join(c.delta.content or "" for c in mine)
        assert text == whole.choices[number].message.content
        assert [c.finish_reason for c in mine if c.finish_reason] == [
            whole.choices[number].finish_reason
        ]
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_the_same_seed_draws_the_same(client: OpenAI) -> None:
    first, again = ask(client, n=3), ask(client, n=3)
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in again.choices]
    assert len(set(texts)) == 3
    assert text_of(ask(client, seed=6)) != texts[0]
    # the first of three is what one alone is, whatever n
    assert text_of(ask(client)) == texts[0]
    drawn = {text_of(client.chat.completions.create(model="base", messages=HELLO)) for _ in "ab"}
    assert len(drawn) == 2


def test_ten_adapters_at_once_are_what_each_is_alone(client: OpenAI) -> None:
    names = ["base", *(f"ppo-{n + 1}" for n in range(NUM_POLICIES))]
    alone = {name: text_of(ask(client, name, max_tokens=40)) for name in names}
    assert len(set(alone.values())) == len(names)
    with ThreadPoolExecutor(len(names) * 2) as pool:
        mixed = list(pool.map(lambda name: text_of(ask(client, name, max_tokens=40)), names * 2))
    assert mixed == [alone[name] for name in names] * 2


def test_logprobs_are_those_of_the_drawn_tokens(client: OpenAI) -> None:
    reply = ask(client, temperature=0, logprobs=True, top_logprobs=3)
    content = reply.choices[0].logprobs.content
    assert len(content) == reply.usage.completion_tokens - (
        reply.choices[0].finish_reason == "stop"
    )
    for token in content:
        # the likeliest was drawn, and comes first among the likely
        assert token.top_logprobs[0].token == token.token
        assert token.top_logprobs[0].logprob == token.logprob
        logprobs = [one.logprob for one in token.top_logprobs]
        assert logprobs == sorted(logprobs, reverse=True)
        assert sum(map(math.exp, logprobs)) <= 1
    assert ask(client).choices[0].logprobs is None


def test_streamed_logprobs_are_the_same(client: OpenAI) -> None:
    whole = ask(client, logprobs=True, top_logprobs=1).choices[0].logprobs.content
    streamed = [
        token
        for chunk in ask(client, logprobs=True, top_logprobs=1, stream=True)
        for choice in chunk.choices
        for token in (choice.logprobs.content if choice.logprobs else [])
    ]
    assert streamed == whole


def test_a_stop_text_ends_an_answer_and_is_not_in_it(client: OpenAI) -> None:
    text = text_of(ask(client, temperature=0, max_tokens=30))
    stop = text[4:7]
    reply = ask(client, temperature=0, max_tokens=30, stop=["never", stop])
    assert text_of(reply) == text[: text.index(stop)]
    assert reply.choices[0].finish_reason == "stop"
    parts = ask(client, temperature=0, max_tokens=30, stop=stop, stream=True)
    assert "".join(p.choices[0].delta.content or "" for p in parts) == text_of(reply)


def test_parts_of_a_message_are_one_text(client: OpenAI) -> None:
    parts = [{"type": "text", "text": "Hello "}, {"type": "text", "text": "the world"}]
    split = ask(client, messages=[{"role": "user", "content": parts}])
    assert text_of(split) == text_of(ask(client))


@pytest.mark.parametrize(
    ("how", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"extra_body": {"chat_template": "{{ 1 }}"}}, "chat_template"),
        ({"extra_body": {"top_k": 5}}, "top_k"),
    ],
)
def test_what_is_not_supported_is_refused(client: OpenAI, how: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **how)
    assert caught.value.param == param


def test_what_changes_nothing_is_welcome(client: OpenAI) -> None:
    neutral = ask(
        client, frequency_penalty=0, presence_penalty=0, logit_bias={}, tools=[], user="me",
        response_format={"type": "text"}, store=False, top_p=1,
    )  # fmt: skip
    assert text_of(neutral) == text_of(ask(client))


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="'ppo-99' does not exist; there are: base"):
        ask(client, "ppo-99")
    with pytest.raises(openai.NotFoundError) as caught:
        ask(client, "reward-1")  # it writes nothing
    assert caught.value.code == "model_not_found"


def test_what_does_not_fit_is_refused_before_it_starts(client: OpenAI, server: Running) -> None:
    before = server.backend.gauges()["steps_total"]
    long: Any = [{"role": "user", "content": "word " * 200}]
    for how in ({"messages": long}, {"max_tokens": 240}):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, **how)
        assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, max_tokens=1025)
    assert caught.value.code == "too_many_tokens"
    assert server.backend.gauges()["steps_total"] == before


def test_a_next_turn_goes_on_from_the_whole_conversation(
    house: House, serving: type[Running]
) -> None:
    """In OpenAI's own field; and an alias that means another version has nothing to go on from."""
    server = serving(house)
    client = server.client()
    aliases.switch(house.db, "prod", "ppo-1", "ada")

    def turn(messages: Any, model: str = "prod") -> tuple[Any, int]:
        reply = ask(client, model, messages=messages, temperature=0.0, max_tokens=8)
        assert reply.usage.prompt_tokens_details is not None
        return reply, reply.usage.prompt_tokens_details.cached_tokens

    first, known = turn(HELLO)
    assert (first.usage.prompt_tokens, known) == (31, 0)
    said: Any = {"role": "assistant", "content": text_of(first)}
    talk = [*HELLO, said, {"role": "user", "content": "And then?"}]
    second, known = turn(talk)
    # the first prompt, and what of the answer reads again as it was written
    assert 31 <= known < second.usage.prompt_tokens
    assert turn(talk)[1] == second.usage.prompt_tokens - 1
    fresh = serving(house, prefixes="off").client()
    again = ask(fresh, "prod", messages=talk, temperature=0.0, max_tokens=8)
    assert text_of(again) == text_of(second)
    assert again.usage.prompt_tokens_details.cached_tokens == 0
    page = httpx2.get(f"{server.url}/metrics").text
    saved = known + second.usage.prompt_tokens - 1
    assert f"rather_engine_prefix_tokens_saved_total {saved}\n" in page
    assert "rather_engine_prefix_hits_total 2\n" in page
    aliases.switch(house.db, "prod", "ppo-2", "ada")
    assert turn(talk)[1] == 0
