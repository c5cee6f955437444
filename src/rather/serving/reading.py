"""Prompts into tokens, beside the event loop: no long text and no chat template holds it up."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from rather.data.identity import prompt_id
from rather.errors import DataError, TooLong
from rather.records import Message, Prompt
from rather.web.replies import Refusal

if TYPE_CHECKING:
    from rather.data.tokens import Codec

T = TypeVar("T")
RENDERED_AT_ONCE = 4
"""Conversations: one whose template goes on until it is stopped leaves room for others."""


@dataclass(frozen=True)
class Read:
    """A prompt and its tokens."""

    prompt: Prompt
    ids: tuple[int, ...]


class Reader:
    """Reads what clients send with the base's codec; what cannot be read is a refusal."""

    def __init__(self, codec: "Codec") -> None:
        self.codec = codec
        # one thread: a tokenizer may not be used by two at once
        self._tokenizing = ThreadPoolExecutor(1, "rather-tokens")
        self._rendering = anyio.CapacityLimiter(RENDERED_AT_ONCE)

    async def conversation(self, messages: Sequence[Message]) -> Read:
        """A conversation, within the chat template."""
        if not self.codec.is_chat:
            raise Refusal(
                400, "The model has no chat template; use /v1/completions.", code="no_chat_template"
            )
        prompt = _prompt(tuple(messages), is_text=False)
        return Read(prompt, await self._in_a_template(prompt))

    async def text(self, text: str) -> Read:
        """A text to go on with as it stands."""
        prompt = _prompt((Message("user", text),), is_text=True)
        return Read(prompt, await self._tokens(lambda: self.codec.text_ids(prompt)))

    async def tokens(self, ids: Sequence[int]) -> Read:
        """Tokens to go on with as they are."""
        if (most := max(ids)) >= self.codec.num_ids:
            raise Refusal(
                400,
                f"prompt: there is no token {most}; the model's are 0 to {self.codec.num_ids - 1}.",
                param="prompt",
                code="unknown_token",
            )
        if len(ids) >= self.codec.context:
            raise Refusal(
                400,
                f"The prompt takes {len(ids)} tokens and the model's context is "
                f"{self.codec.context}.",
                code="context_length_exceeded",
            )
        text = await self._tokens(lambda: self.codec.text(tuple(ids)))
        return Read(_prompt((Message("user", text),), is_text=True), tuple(ids))

    async def to_be_scored(self, messages: Sequence[Message]) -> Read:
        """As `rather score` reads it: in the template where the model has one."""
        prompt = _prompt(tuple(messages), is_text=not self.codec.is_chat)
        if prompt.is_text:
            return Read(prompt, await self._tokens(lambda: self.codec.text_ids(prompt)))
        return Read(prompt, await self._in_a_template(prompt))

    async def completion(self, text: str) -> tuple[int, ...]:
        """A completion's tokens with the one that ends it."""
        return await self._tokens(
            lambda: self.codec.completion_ids(text), code="invalid_completion"
        )

    async def _in_a_template(self, prompt: Prompt) -> tuple[int, ...]:
        try:
            shown = await anyio.to_thread.run_sync(
                self.codec.shown, prompt, limiter=self._rendering
            )
        except DataError as error:
            raise Refusal(400, str(error), code="invalid_prompt") from None
        return await self._tokens(lambda: self.codec.shown_ids(prompt, shown))

    async def _tokens(self, read: Callable[[], T], code: str = "invalid_prompt") -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._tokenizing, read)
        except TooLong as error:
            raise Refusal(400, _about_the_prompt(error), code="context_length_exceeded") from None
        except DataError as error:
            raise Refusal(400, _about_the_prompt(error), code=code) from None


def _prompt(messages: tuple[Message, ...], *, is_text: bool) -> Prompt:
    return Prompt(prompt_id(messages), messages, "train", is_text=is_text)


def _about_the_prompt(error: DataError) -> str:
    """The sentence, without the id that only the workspace knows."""
    text = str(error)
    head, _, rest = text.partition(" ")
    return f"The prompt {rest.partition(' ')[2]}" if head == "Prompt" else text
