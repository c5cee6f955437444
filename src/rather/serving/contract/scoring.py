"""`/v1/score`: what a reward version thinks of completions of a prompt."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rather.serving.contract.asking import Model
from rather.serving.contract.chat import MAX_CHARACTERS, MAX_MESSAGES, ChatMessage
from rather.serving.contract.shape import Unicode, Usage, Wire

MAX_SCORED = 64
Scored = Annotated[Unicode, Field(min_length=1, max_length=MAX_CHARACTERS)]


class ScoreRequest(Wire):
    """A prompt, as a text or as messages, and what is scored."""

    model: Model
    """A reward version, or an alias of one."""
    prompt: Unicode | None = Field(None, min_length=1, max_length=MAX_CHARACTERS)
    messages: list[ChatMessage] | None = Field(None, min_length=1, max_length=MAX_MESSAGES)
    completion: Scored | Annotated[list[Scored], Field(min_length=1, max_length=MAX_SCORED)]

    @model_validator(mode="after")
    def _has_one_prompt(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt or messages")
        return self

    @property
    def completions(self) -> list[str]:
        """What is scored, however it was given."""
        return [self.completion] if isinstance(self.completion, str) else self.completion


class Score(Wire):
    """One completion's score; of an ensemble the mean of its members'."""

    object: Literal["score"] = "score"
    index: int
    score: float
    members: list[float]
    """Each member's; one where it is no ensemble."""


class ScoreReply(Wire):
    """The scores in the order of the completions."""

    id: str
    object: Literal["list"] = "list"
    created: int
    model: str
    data: list[Score]
    usage: Usage
