"""A tokenizer's chat template around a conversation."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from rather.data.templates.rendering import RENDERERS
from rather.records import Message


def rendered(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, add_generation_prompt: bool
) -> str:
    """The text that transformers' `apply_chat_template` gives; BadTemplate says what the template
    did instead."""
    variables = {
        **tokenizer.special_tokens_map,
        "messages": [vars(message) for message in messages],
        "tools": None,
        "documents": None,
        "add_generation_prompt": add_generation_prompt,
    }
    return RENDERERS.render(tokenizer.get_chat_template(), variables)
