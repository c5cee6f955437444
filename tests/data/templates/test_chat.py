"""A tokenizer's own template, special tokens and all."""

from typing import Any

from rather.data.templates.chat import rendered
from rather.records import Message


def test_a_conversation_is_rendered_as_transformers_does(tiny_tokenizer: Any) -> None:
    turns = [Message("user", "hi"), Message("assistant", "yes?"), Message("user", "bye")]
    theirs = tiny_tokenizer.apply_chat_template(
        [vars(one) for one in turns], add_generation_prompt=True, tokenize=False
    )
    assert rendered(tiny_tokenizer, turns, add_generation_prompt=True) == theirs
    assert theirs.endswith("<|start|>assistant\n")
    shorter = rendered(tiny_tokenizer, turns, add_generation_prompt=False)
    assert theirs == shorter + "<|start|>assistant\n"
