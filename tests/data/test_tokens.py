"""Texts to ids and back: the template's borders, its stop tokens, and text that imitates them."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rather.data.tokens import Codec, load_codec
from rather.errors import DataError, UsageError
from rather.records import Message, Prompt

PAD, START, END = 0, 1, 2  # of the tiny tokenizer
HELLO = Prompt("p_hello", (Message("user", "hi"),), "train")


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    return load_codec(tiny_model, 64, ())


def plain(tokenizer: Any, **changes: Any) -> Any:
    """The tokenizer with some attributes changed, the original untouched."""
    twin = copy.deepcopy(tokenizer)
    for name, value in changes.items():
        setattr(twin, name, value)
    return twin


def test_a_prompt_is_rendered_by_the_template(codec: Codec) -> None:
    ids = codec.prompt_ids(HELLO)
    shown = codec.tokenizer.decode(list(ids))
    assert shown == "<|start|>user\nhi<|end|>\n<|start|>assistant\n"
    # <|start|> + user\n (5) + hi (2) + <|end|> + \n + <|start|> + assistant\n (10)
    assert len(ids) == 21
    assert [i for i in ids if i < 3] == [START, END, START]


def test_the_system_prompt_stands_before_conversations_that_have_none(codec: Codec) -> None:
    brief = Codec(codec.tokenizer, codec.stop_ids, 64, "Be brief.")
    text = codec.tokenizer.decode(list(brief.prompt_ids(HELLO)))
    assert text.startswith("<|start|>system\nBe brief.<|end|>\n<|start|>user\nhi<|end|>")
    own = Prompt("p", (Message("system", "Sing."), Message("user", "hi")), "train")
    assert brief.prompt_ids(own) == codec.prompt_ids(own)
    assert HELLO.messages == (Message("user", "hi"),)


def test_a_completion_ends_with_the_stop_token_unless_it_was_cut_off(codec: Codec) -> None:
    whole, cut = codec.completion_ids("ok"), codec.completion_ids("ok", is_cut_off=True)
    assert whole == (*cut, END)
    assert len(cut) == 2
    assert codec.stops(whole) and not codec.stops(cut) and not codec.stops(())
    assert codec.text(whole) == codec.text(cut) == "ok"


def test_an_empty_completion_is_the_stop_token_alone(codec: Codec) -> None:
    assert codec.completion_ids("") == (END,)
    assert codec.text((END,)) == ""


def test_markers_inside_a_completion_stay_text(codec: Codec) -> None:
    text = "done<|end|>\n<|start|>user\nmore"
    ids = codec.completion_ids(text)
    assert ids[-1] == END
    assert not {PAD, START, END} & set(ids[:-1])
    assert codec.text(ids) == text
    # and the tokenizer is as it was: a prompt still has its markers
    assert START in codec.prompt_ids(HELLO)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20))
def test_any_text_comes_back(codec: Codec, text: str) -> None:
    assert codec.text(codec.completion_ids(text)) == text


def test_nothing_merges_across_the_border(tiny_tokenizer: Any) -> None:
    tokenizer = plain(tiny_tokenizer, chat_template=None)
    codec = Codec(tokenizer, (END,), 64)
    prompt = Prompt("p", (Message("user", "say t"),), "train", is_text=True)
    row = codec.row(prompt, (("he", False),))
    t, h, e = (tokenizer.convert_tokens_to_ids(piece) for piece in "the")
    assert row.prompt_ids[-1] == t
    assert row.completions == ((h, e, END),)
    # alone, `the` is one token
    assert len(codec.completion_ids("the", is_cut_off=True)) == 1


def test_without_a_template_the_text_is_continued(tiny_tokenizer: Any) -> None:
    tokenizer = plain(tiny_tokenizer, chat_template=None)
    prompt = Prompt("p", (Message("user", "a"), Message("assistant", "b")), "train", is_text=True)
    codec = Codec(tokenizer, (END,), 64)
    assert not codec.is_chat
    assert codec.tokenizer.decode(list(codec.prompt_ids(prompt))) == "a\nb"
    started = Codec(plain(tokenizer, bos_token="<|start|>"), (END,), 64)
    assert started.prompt_ids(prompt) == (START, *codec.prompt_ids(prompt))
    with pytest.raises(DataError, match="Prompt empty has no tokens"):
        codec.prompt_ids(Prompt("empty", (Message("user", ""),), "train", is_text=True))


def test_the_context_is_a_limit(codec: Codec) -> None:
    # the template takes 19 tokens: 44 letters make 63, one less than the context
    fits = Prompt("fits", (Message("user", "x" * 44),), "train")
    assert len(codec.prompt_ids(fits)) == 63
    assert len(codec.row(fits, (("", False),)).completions[0]) == 1
    with pytest.raises(DataError, match="Prompt fits with its completion takes 65 tokens"):
        codec.row(fits, (("", False), ("x", False)))
    long = Prompt("long", (Message("user", "x" * 45),), "train")
    with pytest.raises(DataError, match=r"Prompt long takes 64 tokens .* context is 64"):
        codec.prompt_ids(long)


def test_stop_ids_are_the_template_s_then_eos_then_the_model_s_own(
    tiny_tokenizer: Any, tmp_path: Path
) -> None:
    # eos is the pad token here, so the template's <|end|> can only come from the template
    plain(tiny_tokenizer, eos_token="<|pad|>").save_pretrained(tmp_path)
    assert load_codec(tmp_path, 64, (9, END)).stop_ids == (END, PAD, 9)


def test_a_template_that_writes_no_token_after_the_answer_leaves_eos(
    tiny_tokenizer: Any, tmp_path: Path
) -> None:
    template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
    plain(tiny_tokenizer, chat_template=template).save_pretrained(tmp_path)
    assert load_codec(tmp_path, 64, ()).stop_ids == (END,)


def test_a_tokenizer_that_cannot_stop_is_refused(tiny_tokenizer: Any, tmp_path: Path) -> None:
    plain(tiny_tokenizer, chat_template=None, eos_token=None).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="no end-of-sequence token; add eos_token"):
        load_codec(tmp_path, 64, ())
    assert load_codec(tmp_path, 64, (7,)).stop_ids == (7,)


def test_pad_is_not_eos(codec: Codec) -> None:
    assert codec.stop_ids == (END,)
    assert codec.tokenizer.pad_token_id == PAD


def test_the_fingerprint_names_what_must_match(codec: Codec, tiny_tokenizer: Any) -> None:
    same = Codec(tiny_tokenizer, codec.stop_ids, 999)
    assert same.fingerprint == codec.fingerprint  # the context is the model's affair
    more = plain(tiny_tokenizer)
    more.add_tokens(["new"])
    others = [
        Codec(tiny_tokenizer, (END, PAD), 64),
        Codec(tiny_tokenizer, (END,), 64, "Be brief."),
        Codec(plain(tiny_tokenizer, chat_template="other"), (END,), 64),
        Codec(more, (END,), 64),
    ]
    assert len({codec.fingerprint, *(other.fingerprint for other in others)}) == 5
