"""Borders, start, stop, pad and markers: each with a fault planted and without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather.data.tokens import Codec
from rather.doctor.finding import Finding
from rather.doctor.patient import NotYet
from rather.records import Prompt
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]
Ask = Callable[..., Prompt]
NewWs = Callable[..., Workspace]
ModelWith = Callable[..., Path]
TURNS = "{% for message in messages %}<|start|>{{ message.content }}<|end|>{% endfor %}"


@pytest.mark.parametrize("name", ["border", "stop token"])
def test_without_completions_there_is_nothing_to_look_at(
    ws: Workspace, look: Look, ask: Ask, name: str
) -> None:
    ask(ws, "Why?")
    with pytest.raises(NotYet, match="no completions; `rather sample` makes some"):
        look(ws, name)


@pytest.mark.parametrize("name", ["border", "start token", "stop token", "pad token", "markers"])
def test_the_tiny_model_on_clean_data_is_well(judged_ws: Workspace, look: Look, name: str) -> None:
    assert look(judged_ws, name).severity == "ok"


def test_a_border_that_would_merge_is_shown_token_by_token(
    new_ws: NewWs, model_with: ModelWith, look: Look, ask: Ask, answer: Callable[..., None]
) -> None:
    ws = new_ws(model=str(model_with(chat_template=None)))
    answer(ws, ask(ws, "say t", is_text=True), "he end")
    answer(ws, ask(ws, "say", is_text=True), " yes")
    found = look(ws, "border")
    assert found.severity == "warning"  # one of two
    assert found.found.startswith("all 2 completions: 1 have other tokens")
    assert found.shown == ("apart [ ][t] + [h][e][ ], together [ the][ ][e][n][d]",)


def test_merges_inside_a_completion_are_none_at_the_border(
    new_ws: NewWs, model_with: ModelWith, look: Look, ask: Ask, answer: Callable[..., None]
) -> None:
    ws = new_ws(model=str(model_with(chat_template=None, bos_token="<|start|>")))
    answer(ws, ask(ws, "say the", is_text=True), " the the")
    assert look(ws, "border").severity == "ok"


def test_a_start_token_written_twice_is_a_problem(
    new_ws: NewWs, model_with: ModelWith, look: Look, ask: Ask
) -> None:
    double = "{{ bos_token }}" + TURNS
    ws = new_ws(model=str(model_with(chat_template=double, bos_token="<|start|>")))
    ask(ws, "Why?")
    found = look(ws, "start token")
    assert found.severity == "problem"
    assert found.found == "all 1 prompts: 1 begin with <|start|> twice"
    assert found.shown == ("[<|start|>][<|start|>][W][h][y][?]",)


def test_a_start_token_written_once_is_well(
    new_ws: NewWs, model_with: ModelWith, look: Look, ask: Ask
) -> None:
    ws = new_ws(model=str(model_with(chat_template=TURNS, bos_token="<|start|>")))
    ask(ws, "Why?")
    found = look(ws, "start token")
    assert (found.severity, found.shown) == ("ok", ("[<|start|>][W][h][y][?][<|end|>]",))


@pytest.mark.parametrize(("asks_for_it", "severity"), [(True, "warning"), (False, "ok")])
def test_a_missing_start_token_matters_where_the_tokenizer_wants_one(
    new_ws: NewWs,
    model_with: ModelWith,
    look: Look,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    asks_for_it: bool,
    severity: str,
) -> None:
    bare = "{% for message in messages %}{{ message.content }}<|end|>{% endfor %}"
    ws = new_ws(model=str(model_with(chat_template=bare, bos_token="<|start|>")))
    ask(ws, "Why?")
    if asks_for_it:
        wants_start(monkeypatch)
    found = look(ws, "start token")
    assert found.severity == severity
    assert found.shown == (("[W][h][y][?][<|end|>]",) if asks_for_it else ())


def wants_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every tokenizer put its start token before texts, as Llama's does."""
    from transformers import PreTrainedTokenizerFast

    encode = PreTrainedTokenizerFast.encode

    def encoded(self: Any, text: str, add_special_tokens: bool = True, **more: Any) -> list[int]:
        ids = encode(self, text, add_special_tokens=False, **more)
        return [self.bos_token_id, *ids] if add_special_tokens else ids

    monkeypatch.setattr(PreTrainedTokenizerFast, "encode", encoded)


def test_answers_that_were_cut_off_teach_no_stop(
    ws: Workspace, look: Look, ask: Ask, answer: Callable[..., None]
) -> None:
    prompt = ask(ws, "Why?")
    for number in range(3):
        answer(ws, prompt, f"Because {number}", cut_off=number > 0)
    found = look(ws, "stop token")
    assert found.severity == "warning"
    assert "only 1 end by themselves" in found.found
    assert found.shown == ("“Because 1”", "“Because 2”")
    assert "sample.max_new_tokens" in found.mend


def test_the_stop_token_is_shown_at_the_end(judged_ws: Workspace, look: Look) -> None:
    found = look(judged_ws, "stop token")
    assert "all 16 completions: 16 end with [<|end|>], which carries loss" in found.found
    assert found.shown[0].endswith("[<|end|>]")


def test_a_codec_that_forgets_the_stop_token_is_found(
    judged_ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Codec.completion_ids
    monkeypatch.setattr(Codec, "completion_ids", lambda self, text, **_: whole(self, text)[:-1])
    found = look(judged_ws, "stop token")
    assert found.severity == "problem"
    assert "16 end without [<|end|>]" in found.found


def test_pad_that_is_the_stop_token_is_harmless_and_said(
    new_judged_ws: NewWs, model_with: ModelWith, look: Look
) -> None:
    ws = new_judged_ws(model=str(model_with(pad_token="<|end|>")))
    found = look(ws, "pad token")
    assert found.severity == "note"
    assert "same token [<|end|>]; in 16 of 16 completions the stop token carries" in found.found
    assert look(ws, "stop token").severity == "ok"


def test_no_pad_token_is_needed(new_judged_ws: NewWs, model_with: ModelWith, look: Look) -> None:
    ws = new_judged_ws(model=str(model_with(pad_token=None)))
    assert look(ws, "pad token").found.startswith("the tokenizer has no pad token")


def test_texts_that_spell_control_tokens_are_shown(
    judged_ws: Workspace, look: Look, ask: Ask, answer: Callable[..., None]
) -> None:
    answer(judged_ws, ask(judged_ws, "Hi<|end|>\n<|start|>system"), "so<|pad|>")
    found = look(judged_ws, "markers")
    assert found.severity == "warning"
    assert "1 prompts and 1 completions spell a control token" in found.found
    assert found.shown == (
        "prompt: “Hi<|end|>\\n<|start|>system”",
        "completion: “so<|pad|>”",
    )
    # and joint encoding, which would take them for control tokens, is not held against them
    assert look(judged_ws, "border").severity == "ok"
