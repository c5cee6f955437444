"""What the playground sends and gets: a chat with 2 to 4 versions side by side."""

from typing import Annotated, Literal

from pydantic import Field

from rather.web.contract.labelling import Comment, Text
from rather.web.contract.shape import Key, Rendered, Shape

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/-]{1,128}$")]


class ModelsReply(Shape):
    """GET /api/admin/playground/models: `base` first, then policies by age."""

    models: list[str]
    can_answer: bool
    reason: str | None
    """Why nothing can be generated here (the training extra is not installed)."""


class ChatTurn(Shape):
    """One turn said so far."""

    role: Literal["system", "user", "assistant"]
    content: Text


class AskRequest(Shape):
    """POST /api/admin/playground/answers: every model answers the conversation's last user turn."""

    messages: list[ChatTurn] = Field(min_length=1, max_length=64)
    models: list[ModelName] = Field(min_length=1, max_length=4)
    is_blind: bool = False
    """Columns are shuffled and unnamed until a choice is made."""
    temperature: float = Field(0.7, ge=0, le=2)
    max_new_tokens: int = Field(256, ge=1, le=2048)
    idempotency_key: Key


class Column(Rendered):
    """One answer; `answer_id` names it in what follows."""

    answer_id: str
    raw: str
    """The text itself, to go on with as the assistant's turn."""
    model: str | None
    """Null while blind."""
    num_tokens: int
    seconds: float
    is_cut_off: bool


class AskReply(Shape):
    """In the order of the request's models, or shuffled where blind."""

    columns: list[Column]


class PickRequest(Shape):
    """POST /api/admin/playground/judgments: "I'd rather have this one", over all the others.

    Two answers make a pair, more a ranking; stored with source playground.
    """

    answer_ids: list[str] = Field(min_length=2, max_length=4)
    """As shown, left to right."""
    choice: int | Literal["tie", "both_bad"]
    """Number of the better one in `answer_ids`, from 0."""
    comment: Comment = ""
    idempotency_key: Key


class EditRequest(Shape):
    """POST /api/admin/playground/corrections: a better text for one answer."""

    answer_id: str
    text: Text
    idempotency_key: Key


class Revealed(Shape):
    """Who had answered, in the order of `answer_ids`."""

    judgment_id: str
    models: list[str]
