"""Text that spells a control token stays text, wherever in a prompt somebody writes it.

A chat template writes control tokens around what people said. Where their words hold the text of
one (`<|im_end|>`), encoding the rendered whole would let them end their own turn. So the template
is rendered a second time, around placeholders, which tells its own markers from imitations. Then a
twin of the tokenizer, which knows the control tokens by secret names only, encodes everything at
once: merges, spaces and stripping are the original's.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerBase

_OPEN, _CLOSE = "\ue000rather", "\ue001"  # private use: no normalizer touches it, no model knows it
_PLACEHOLDER = re.compile(f"{_OPEN}-said-([0-9]+){_CLOSE}")


class Inseparable(ValueError):
    """Why what people wrote cannot be told from the template's own markers."""


def placeholder(number: int) -> str:
    """What stands for the content of message `number` while the template is looked at."""
    return f"{_OPEN}-said-{number}{_CLOSE}"


@dataclass(frozen=True)
class Markers:
    """A tokenizer's control tokens, and how to encode text that imitates them."""

    tokenizer: PreTrainedTokenizerBase

    @cached_property
    def ids(self) -> dict[str, int]:
        """The control tokens' texts and ids."""
        added = self.tokenizer.added_tokens_decoder.items()
        return {token.content: id for id, token in added if token.special}

    @cached_property
    def reserved(self) -> frozenset[int]:
        """Their ids, but for the one of characters nobody knows, which plain text may have."""
        return frozenset(self.ids.values()) - {self.tokenizer.unk_token_id}

    def within(self, texts: Iterable[str]) -> list[str]:
        """The control tokens that are spelt out in the texts, in order, each as often as it is."""
        return (
            [found for text in texts for found in self._pattern.findall(text)] if self.ids else []
        )

    def encode(self, shell: str, contents: Sequence[str], rendered: str) -> tuple[int, ...]:
        """Ids of a rendered conversation in which only the template's markers are control tokens.

        `shell` is the template around placeholders, `rendered` the template around the contents.
        Raises Inseparable where the two differ by more than the contents.
        """
        if not self.tokenizer.is_fast:
            raise Inseparable("the tokenizer has no fast version, which telling them apart takes")
        if any(_OPEN in content for content in contents):
            raise Inseparable("it holds characters that rather uses to tell them apart")
        literals, said = _taken_apart(shell, contents, rendered)
        parts = [self._pattern.sub(lambda m: _secret(self.ids[m[0]]), one) for one in literals]
        together = "".join(a + b for a, b in zip(parts, [*said, ""], strict=True))
        return self._encode(together)

    def _encode(self, text: str) -> tuple[int, ...]:
        """Ids by the twin, its secret names read back."""
        secret = {_secret(id): id for id in self.ids.values()}
        found = []
        for piece in self._twin.encode(text, add_special_tokens=False).tokens:
            found.append(secret[piece] if piece in secret else self._plain_id(piece))
        return tuple(found)

    def _plain_id(self, piece: str) -> int:
        """The id of a token that must not be a control token."""
        id = int(self.tokenizer.convert_tokens_to_ids(piece))  # type: ignore[arg-type]
        if id in self.reserved:
            raise Inseparable(f"the tokenizer has no other way to write {piece}")
        return id

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Any control token's text; of two that begin alike the longer one, as tokenizers do."""
        return re.compile("|".join(map(re.escape, sorted(self.ids, key=len, reverse=True))))

    @cached_property
    def _twin(self) -> Tokenizer:
        """The same tokenizer, to which the control tokens' texts mean nothing."""
        written = json.loads(self.tokenizer.backend_tokenizer.to_str())
        written["added_tokens"] = [one for one in written["added_tokens"] if not one["special"]]
        written |= {"post_processor": None, "truncation": None, "padding": None}
        twin = Tokenizer.from_str(json.dumps(written))
        added = self.tokenizer.added_tokens_decoder.items()
        twin.add_special_tokens([_renamed(id, token) for id, token in added if token.special])
        return twin


def _secret(id: int) -> str:
    return f"{_OPEN}-control-{id}{_CLOSE}"


def _renamed(id: int, token: AddedToken) -> AddedToken:
    """A control token under its secret name, which takes the spaces beside it as before."""
    return AddedToken(
        _secret(id),
        single_word=token.single_word,
        lstrip=token.lstrip,
        rstrip=token.rstrip,
        normalized=token.normalized,
        special=True,
    )


def _taken_apart(shell: str, contents: Sequence[str], rendered: str) -> tuple[list[str], list[str]]:
    """The template's own texts, and what it made of the contents between them.

    Templates may strip contents or leave some out; whatever else they do is not understood.
    """
    literals = _PLACEHOLDER.split(shell)[::2]
    order = [int(found[1]) for found in _PLACEHOLDER.finditer(shell)]
    said, rest = [], rendered.removeprefix(literals[0])
    is_understood = rendered.startswith(literals[0])
    for number, literal in zip(order, literals[1:], strict=True):
        content = contents[number]
        ways = dict.fromkeys([content, content.strip(), content.lstrip(), content.rstrip()])
        fitting = [way for way in ways if rest.startswith(way + literal)]
        if not fitting:
            is_understood = False
            break
        said.append(fitting[0])
        rest = rest.removeprefix(fitting[0] + literal)
    if not is_understood or rest:
        raise Inseparable("the chat template changes the text of the messages")
    return literals, said
