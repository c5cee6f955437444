"""Texts and tokens made visible: quoted, control characters spelt out, long ones cut."""

import unicodedata
from collections.abc import Sequence

from rather.data.tokens import Codec
from rather.records import Prompt

MOST_CHARACTERS = 72
_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def visible(text: str) -> str:
    """The text in one line, with what a terminal would hide or obey spelt out."""
    escapes = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return "".join(
        escapes.get(c) or (f"\\u{ord(c):04x}" if unicodedata.category(c) in _INVISIBLE else c)
        for c in text
    )


def quoted(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text's beginning between quotation marks."""
    shown = visible(text)
    return f"“{shown}”" if len(shown) <= most else f"“{shown[: most - 1]}…”"


def quoted_end(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text's end between quotation marks."""
    shown = visible(text)
    return f"“{shown}”" if len(shown) <= most else f"“…{shown[-most + 1 :]}”"


def question(prompt: Prompt) -> str:
    """A prompt by its last message."""
    return quoted(prompt.messages[-1].content)


def pieces(codec: Codec, ids: Sequence[int]) -> str:
    """Tokens one by one, `[say][ t]`."""
    return "".join(f"[{visible(_piece(codec, id))}]" for id in ids)


def _piece(codec: Codec, id: int) -> str:
    """A token's text; where it is only part of a character, the tokenizer's own name for it."""
    text = str(codec.tokenizer.decode([id]))
    return text if text and "\ufffd" not in text else str(codec.tokenizer.convert_ids_to_tokens(id))
