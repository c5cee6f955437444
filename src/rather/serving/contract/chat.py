"""`/v1/chat/completions`: OpenAI's shapes."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rather.records import Message
from rather.serving.contract.asking import MAX_TOP_LOGPROBS, Asking, Nothing
from rather.serving.contract.shape import Unicode, Usage, Wire

MAX_MESSAGES = 500
MAX_PARTS = 100
MAX_CHARACTERS = 400_000
"""Of one message; what the model's context does not hold is refused anyway."""
Finish = Literal["stop", "length", "abort"]


class TextPart(Wire):
    """A part of a message."""

    type: Literal["text"]
    text: Unicode = Field(max_length=MAX_CHARACTERS)


class ChatMessage(Wire):
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: (
        Annotated[Unicode, Field(max_length=MAX_CHARACTERS)]
        | Annotated[list[TextPart], Field(min_length=1, max_length=MAX_PARTS)]
    )

    @property
    def text(self) -> str:
        """All of its text."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)

    @property
    def record(self) -> Message:
        """The turn, as the rest of the house has it."""
        return Message(self.role, self.text)


class TextFormat(Wire):
    """Plain text, the only format there is."""

    type: Literal["text"]


class ChatRequest(Asking):
    """A conversation to go on with."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_completion_tokens: int | None = Field(None, ge=1)
    """The newer name of `max_tokens`."""
    logprobs: bool = False
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    response_format: TextFormat | None = None
    tools: Nothing = None
    tool_choice: Literal["none", "auto"] | None = None
    metadata: Nothing = None
    store: Literal[False] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        if None not in (self.max_tokens, self.max_completion_tokens):
            raise ValueError("give max_tokens or max_completion_tokens, not both")
        return self

    @property
    def limit(self) -> int | None:
        """Most tokens of a completion, by either name."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens


class TopLogprob(Wire):
    """A likely token."""

    token: str
    logprob: float
    bytes: list[int] | None
    """UTF-8 of the token; null where it is a part of a character only."""


class ContentLogprob(TopLogprob):
    """A drawn token, and the likeliest in its place."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(Wire):
    """Log-probabilities of a completion's tokens."""

    content: list[ContentLogprob]
    refusal: None = None


class Answer(Wire):
    """What the model says."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(Wire):
    """One completion."""

    index: int
    message: Answer
    logprobs: ChatLogprobs | None
    finish_reason: Finish


class ChatReply(Wire):
    """All completions of a request."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    """The version that answered, never an alias."""
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage


class Delta(Wire):
    """What is new of a completion; what is not is left out."""

    role: Literal["assistant"] | None = None
    content: str | None = None

    @model_serializer(mode="wrap")
    def _only_what_is_new(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in whole(self).items() if value is not None}


class ChunkChoice(Wire):
    """A completion's new piece."""

    index: int
    delta: Delta
    logprobs: ChatLogprobs | None = None
    finish_reason: Finish | None = None


class ChatChunk(Wire):
    """One event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Usage | None = None
