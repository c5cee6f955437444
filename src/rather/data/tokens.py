"""Text to token ids and back: chat templates, stop tokens, and nothing merged across the border.

Prompt and completion are tokenized apart and joined as ids, so no token can straddle the border
and masks follow positions, never token ids. Control tokens come from the template alone (see
`rather.data.markers`). The same function serves sampling, reward, DPO and PPO.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from rather.data.batch import Row
from rather.data.judged import Text
from rather.data.markers import Inseparable, Markers, placeholder
from rather.data.templates.chat import rendered
from rather.data.templates.rendering import BadTemplate
from rather.errors import DataError, TooLong, UsageError
from rather.records import Message, Prompt


@dataclass(frozen=True)
class Shown:
    """A prompt as text, before it becomes tokens."""

    contents: tuple[str, ...]
    """What was said, message by message."""
    text: str
    """All of it, with what the chat template puts around."""
    shell: str | None
    """The template's text around placeholders, where the contents spell control tokens."""


@dataclass(frozen=True)
class Codec:
    """A model's tokenizer and chat template, as the rest of the house uses them."""

    tokenizer: PreTrainedTokenizerBase
    stop_ids: tuple[int, ...]
    """Tokens that end a completion; the first is the one training appends."""
    context: int
    """Most tokens a prompt and its completion may take together."""
    system_prompt: str | None = None
    """Put before conversations that have no system message of their own."""
    num_embedded: int | None = None
    """Ids that the model has an embedding of, where its configuration says so."""

    @property
    def num_ids(self) -> int:
        """Ids below it, and no others, are tokens of both tokenizer and model."""
        known = len(self.tokenizer)
        return known if self.num_embedded is None else min(known, self.num_embedded)

    def prompt_ids(self, prompt: Prompt) -> tuple[int, ...]:
        """A prompt as the model sees it, ready to be answered; TooLong when it does not fit."""
        return self.shown_ids(prompt, self.shown(prompt))

    def shown(self, prompt: Prompt) -> Shown:
        """A prompt as text: the slow half of `prompt_ids` where a template is slow. Unlike the
        tokenizer, many threads may do it at once."""
        if not self.is_chat:
            return Shown((), self._text_of(prompt), None)
        messages = self.conversation(prompt)
        contents = tuple(message.content for message in messages)
        shell = None
        if self.markers.within(contents):
            shell = self.rendered(
                [Message(one.role, placeholder(i)) for i, one in enumerate(messages)]
            )
        return Shown(contents, self.rendered(messages), shell)

    def shown_ids(self, prompt: Prompt, shown: Shown) -> tuple[int, ...]:
        """The other half of `prompt_ids`: the text's tokens."""
        ids = self._chat_ids(prompt, shown) if self.is_chat else self._text_ids(prompt)
        return self._fitting(prompt, ids)

    def text_ids(self, prompt: Prompt) -> tuple[int, ...]:
        """Like `prompt_ids`, as a text to go on with, whether or not there is a template."""
        return self._fitting(prompt, self._text_ids(prompt))

    def fits(self, prompt: Prompt) -> bool:
        """Whether the model's context has room for a prompt and something of an answer."""
        try:
            self.prompt_ids(prompt)
        except TooLong:
            return False
        return True

    def completion_ids(self, text: str, *, is_cut_off: bool = False) -> tuple[int, ...]:
        """A completion's tokens and the stop token, unless the length limit cut it off before one.

        Markers of the template inside the text stay text.
        """
        ids = self._plain_ids(text)
        return tuple(ids) if is_cut_off else (*ids, self.stop_ids[0])

    def stops(self, ids: tuple[int, ...]) -> bool:
        """Whether a completion's tokens end with a stop token."""
        return bool(ids) and ids[-1] in self.stop_ids

    def text(self, ids: tuple[int, ...]) -> str:
        """The text of a completion's tokens, without the stop token."""
        body = ids[:-1] if self.stops(ids) else ids
        text = str(self.tokenizer.decode(list(body), skip_special_tokens=True))
        return text.replace("\x00", "\ufffd")  # a byte no database keeps

    def token_texts(self, ids: tuple[int, ...]) -> list[str]:
        """Each token's own text, stop tokens by their names."""
        return [str(self.tokenizer.decode([one])) for one in ids]

    def row(self, prompt: Prompt, completions: tuple[Text, ...]) -> Row:
        """One prompt with its completions; TooLong when one of them does not fit the context."""
        prompt_ids = self.prompt_ids(prompt)
        encoded = tuple(self.completion_ids(text, is_cut_off=cut) for text, cut in completions)
        longest = len(prompt_ids) + max(map(len, encoded), default=0)
        if longest > self.context:
            raise TooLong(
                f"Prompt {prompt.id} with its completion takes {longest} tokens and the model's "
                f"context is {self.context}."
            )
        return Row(prompt_ids, encoded)

    @property
    def is_chat(self) -> bool:
        """Whether the model has a chat template."""
        return self.tokenizer.chat_template is not None

    @property
    def fingerprint(self) -> str:
        """Hash of vocabulary, template and stop tokens: equal means interchangeable."""
        parts = [
            self._vocabulary_digest,
            self.tokenizer.chat_template or "",
            repr(self.stop_ids),
            self.system_prompt or "",
        ]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]

    @property
    def tokenizer_hash(self) -> str:
        """Hash of the vocabulary alone."""
        return self._vocabulary_digest[:16]

    @property
    def template_hash(self) -> str:
        """Hash of the chat template alone."""
        template = self.tokenizer.chat_template or ""
        return hashlib.sha256(template.encode()).hexdigest()[:16]

    @cached_property
    def _vocabulary_digest(self) -> str:
        vocabulary = json.dumps(self.tokenizer.get_vocab(), sort_keys=True)
        return hashlib.sha256(vocabulary.encode()).hexdigest()

    @cached_property
    def markers(self) -> Markers:
        """The control tokens, which people may spell out but never use."""
        return Markers(self.tokenizer)

    def conversation(self, prompt: Prompt) -> tuple[Message, ...]:
        """The messages the model is given: the prompt's, after the system prompt if there is one.

        Where the prompt has a system message of its own, that one stands.
        """
        if self.system_prompt and prompt.messages[0].role != "system":
            return (Message("system", self.system_prompt), *prompt.messages)
        return prompt.messages

    def rendered(self, messages: Sequence[Message]) -> str:
        """The template's text of a conversation, up to where the answer begins."""
        try:
            return rendered(self.tokenizer, messages, add_generation_prompt=True)
        except BadTemplate as error:
            roles = ", ".join(message.role for message in messages)
            raise DataError(
                f"The model's chat template refuses a conversation of {roles} ({error}); leave out "
                "what it does not know, often the system message, or use another template."
            ) from None

    def prompt_text(self, prompt: Prompt) -> str:
        """The text whose tokens `prompt_ids` gives, without the start token of a plain text."""
        if self.is_chat:
            return self.rendered(self.conversation(prompt))
        return self._text_of(prompt)

    def _text_of(self, prompt: Prompt) -> str:
        return "\n".join(message.content for message in prompt.messages)

    def _fitting(self, prompt: Prompt, ids: tuple[int, ...]) -> tuple[int, ...]:
        if not ids:
            raise DataError(f"Prompt {prompt.id} has no tokens; give it some text.")
        if len(ids) >= self.context:
            raise TooLong(
                f"Prompt {prompt.id} takes {len(ids)} tokens and the model's context is "
                f"{self.context}; shorten it or remove it."
            )
        return ids

    def _chat_ids(self, prompt: Prompt, shown: Shown) -> tuple[int, ...]:
        if shown.shell is None:
            return tuple(self.tokenizer.encode(shown.text, add_special_tokens=False))
        try:
            return self.markers.encode(shown.shell, shown.contents, shown.text)
        except Inseparable as reason:
            spelt = self.markers.within(shown.contents)[0]
            raise DataError(
                f"Prompt {prompt.id} spells the control token {spelt}, which cannot be kept apart "
                f"from the template's own ({reason}); remove it from the prompt."
            ) from None

    def _text_ids(self, prompt: Prompt) -> tuple[int, ...]:
        """Without a template the plain text is continued, after the start token if there is one."""
        ids = self._plain_ids(self._text_of(prompt))
        start = self.tokenizer.bos_token_id
        return (*([] if start is None else [start]), *ids)

    def _plain_ids(self, text: str) -> list[int]:
        """Tokens of a text in which nothing is a control token; DataError where that cannot be."""
        ids: list[int] = self.tokenizer.encode(
            text, add_special_tokens=False, split_special_tokens=True
        )
        if odd := self.markers.reserved.intersection(ids):
            spelt = self.tokenizer.convert_ids_to_tokens(min(odd))
            raise DataError(
                f"The text {text[:40]!r} spells the control token {spelt}, which the tokenizer can "
                "write in no other way; remove it from the text."
            )
        return ids


def load_codec(
    folder: Path,
    context: int,
    generation_stops: tuple[int, ...],
    system_prompt: str | None = None,
    num_embedded: int | None = None,
) -> Codec:
    """A model folder's codec; UsageError when the tokenizer has no way to end a completion."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except (ValueError, KeyError, OSError) as error:
        raise DataError(
            f"{folder} has no tokenizer that can be loaded; copy tokenizer.json and "
            "tokenizer_config.json of the model there."
        ) from error
    try:
        stops = _stop_ids(tokenizer, generation_stops)
    except BadTemplate as error:
        raise DataError(
            f"The chat template in {folder} gives no text ({error}); use another one."
        ) from None
    if not stops:
        raise UsageError(f"The tokenizer in {folder} has no end-of-sequence token; add eos_token.")
    return Codec(tokenizer, stops, context, system_prompt, num_embedded)


def _stop_ids(tokenizer: PreTrainedTokenizerBase, extra: tuple[int, ...]) -> tuple[int, ...]:
    """The token the template writes after an answer, then eos and the model's own."""
    stops: list[int] = []
    if tokenizer.chat_template is not None:
        marker = "\x02answer\x03"
        turn = [Message("user", "q"), Message("assistant", marker)]
        after = rendered(tokenizer, turn, add_generation_prompt=False).split(marker)[-1]
        special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
        stops = [i for i in tokenizer.encode(after, add_special_tokens=False) if i in special][:1]
    own = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return tuple(dict.fromkeys([*stops, *own, *extra]))
