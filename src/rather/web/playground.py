"""Routes of the playground: a chat with several versions at once, and what is said about it.

Answers are stored as completions, choices and edits as judgments with source `playground`: they
train, but nobody is asked about them and nothing is measured by them.
"""

import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from rather.data.identity import completion_id, digest, prompt_id
from rather.errors import DataError, TooLong
from rather.feedback.answer import Answer
from rather.feedback.correction import Correction
from rather.feedback.use.picked import picked
from rather.records import Completion, Judgment, Labeller, Message, Prompt
from rather.store import completions, prompts
from rather.store.database import Database
from rather.store.use import picks
from rather.web.chats import Asked, Chats
from rather.web.contract.playground import (
    AskReply,
    AskRequest,
    Column,
    EditRequest,
    ModelsReply,
    PickRequest,
    Revealed,
)
from rather.web.contract.shape import Done
from rather.web.markup import to_html, visible
from rather.web.replies import Refusal
from rather.web.responder import Answered, Drawing, Responder

MAX_WAITING = 8
"""Questions at work or waiting; the next one is told to come back."""
NO_TORCH = "Nothing can be generated here: PyTorch is not installed in this server's Python."


def router(
    db: Database,
    secret: bytes,
    responder: Responder | None,
    current_admin: Callable[..., Labeller | Awaitable[Labeller]],
) -> APIRouter:
    """Routes for admins; `current_admin` is the dependency that says who is asking."""
    routes = APIRouter(prefix="/api/admin/playground")
    desk = Desk(db, secret, responder)
    Admin = Annotated[Labeller, Depends(current_admin)]

    @routes.get("/models")
    def models() -> ModelsReply:
        """Whom one can talk to."""
        if responder is None:
            return ModelsReply(models=[], can_answer=False, reason=NO_TORCH)
        return ModelsReply(models=responder.models(), can_answer=True, reason=None)

    @routes.post("/answers")
    def ask(body: AskRequest, admin: Admin) -> AskReply:
        """Let every model answer; replies when all have."""
        return desk.ask(body, admin)

    @routes.post("/judgments")
    def pick(body: PickRequest, admin: Admin) -> Revealed:
        """Store which answer is rather wanted, and say who wrote which."""
        return desk.pick(body, admin)

    @routes.post("/corrections")
    def edit(body: EditRequest, admin: Admin) -> Done:
        """Store a better text for one answer."""
        return desk.edit(body, admin)

    return routes


class Desk:
    """What the routes do."""

    def __init__(self, db: Database, secret: bytes, responder: Responder | None) -> None:
        self.db, self.responder = db, responder
        self.chats = Chats(db, secret)
        self._places = BoundedSemaphore(MAX_WAITING)
        self._work = Lock()

    def ask(self, body: AskRequest, admin: Labeller) -> AskReply:
        """The answers, generated now or when the same key came first."""
        id = self.chats.id_of(admin.id, body.idempotency_key)
        with self._turn():
            asked = self.chats.find(id) or self._generate(id, body, admin)
        if asked.request != _digest(body):
            raise Refusal(409, "This key belongs to another question.", code="key_reused")
        return AskReply(
            columns=[
                _column(asked, place, completion)
                for place, completion in enumerate(self.chats.answers(asked))
            ]
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One question at a time; Refusal where too many wait."""
        if not self._places.acquire(blocking=False):
            raise Refusal(503, "Too many questions are waiting; try again soon.", code="busy")
        try:
            with self._work:
                yield
        finally:
            self._places.release()

    def _generate(self, id: str, body: AskRequest, admin: Labeller) -> Asked:
        messages = _conversation(body)
        prompt = Prompt(prompt_id(messages), messages, "train", source="playground")
        given = [self._answer(id, place, body, prompt) for place in range(len(body.models))]
        order = self.chats.shuffled(id, len(given)) if body.is_blind else range(len(given))
        prompts.add(self.db, [prompt])
        completions.add(self.db, [completion for completion, _ in given])
        asked = Asked(
            id=id,
            labeller_id=admin.id,
            request=_digest(body),
            completion_ids=tuple(given[place][0].id for place in order),
            seconds=tuple(round(given[place][1], 3) for place in order),
            is_blind=body.is_blind,
        )
        self.chats.keep(asked)
        return asked

    def _answer(
        self, id: str, place: int, body: AskRequest, prompt: Prompt
    ) -> tuple[Completion, float]:
        """A model's completion, not stored yet, and the seconds it took."""
        model, seed = body.models[place], self.chats.seed(id, place)
        began = time.monotonic()
        drawing = Drawing(body.temperature, body.max_new_tokens, seed)
        answered = self._ask_model(prompt, model, drawing)
        sampling = {
            "temperature": body.temperature,
            "top_p": 1.0,
            "max_new_tokens": body.max_new_tokens,
            "purpose": "playground",
        }
        completion = Completion(
            id=completion_id(prompt.id, model, sampling, seed, answered.text),
            prompt_id=prompt.id,
            text=answered.text,
            model=model,
            sampling=sampling,
            seed=seed,
            finish_reason="length" if answered.is_cut_off else "stop",
            num_tokens=answered.num_tokens,
        )
        return completion, time.monotonic() - began

    def _ask_model(self, prompt: Prompt, model: str, drawing: Drawing) -> Answered:
        if self.responder is None:
            raise Refusal(501, NO_TORCH, code="cannot_answer")
        if model not in self.responder.models():
            raise Refusal(404, f"There is no model {model} here.", code="unknown_model")
        try:
            return self.responder.answer(prompt.messages, model, drawing)
        except TooLong:
            said = "The conversation is longer than a model's context; shorten it, or begin anew."
            raise Refusal(413, said, code="too_long") from None
        except DataError as error:
            raise Refusal(400, str(error), code="refused") from None

    def pick(self, body: PickRequest, admin: Labeller) -> Revealed:
        """Store a choice among the answers of one question."""
        shown = self._shown(admin, body.answer_ids)
        try:
            answer = picked([one.id for one in shown], body.choice)
        except DataError as error:
            raise Refusal(422, str(error), code="invalid") from None
        judgment, _ = self._record(answer, shown[0], admin, body.idempotency_key, body.comment)
        return Revealed(judgment_id=judgment.id, models=[one.model for one in shown])

    def edit(self, body: EditRequest, admin: Labeller) -> Done:
        """Store a better text."""
        (original,) = self._shown(admin, [body.answer_id])
        if not body.text.strip() or body.text == original.text:
            raise Refusal(422, "Write a text that differs from the answer.", code="unchanged")
        answer = Correction(original.id, body.text)
        _, replayed = self._record(answer, original, admin, body.idempotency_key, "")
        return Done(replayed=replayed)

    def _shown(self, admin: Labeller, answer_ids: list[str]) -> list[Completion]:
        shown = self.chats.look_up(admin.id, answer_ids)
        if shown is None:
            said = "These answers were not shown together here; ask again."
            raise Refusal(404, said, code="unknown_answer")
        return shown

    def _record(
        self, answer: Answer, about: Completion, admin: Labeller, key: str, comment: str
    ) -> tuple[Judgment, bool]:
        try:
            return picks.say(self.db, about, admin, answer, key, comment)
        except picks.KeyReused as error:
            raise Refusal(409, str(error), code="key_reused") from None


def _digest(body: AskRequest) -> str:
    asked: dict[str, Any] = json.loads(body.model_dump_json(exclude={"idempotency_key"}))
    return digest(asked)


def _conversation(body: AskRequest) -> tuple[Message, ...]:
    """What was said so far; Refusal where nothing is asked last."""
    messages = tuple(Message(turn.role, turn.content) for turn in body.messages)
    if messages[-1].role != "user" or not messages[-1].content.strip():
        raise Refusal(422, "The last turn must be a question of the user.", code="no_question")
    return messages


def _column(asked: Asked, place: int, completion: Completion) -> Column:
    return Column(
        html=to_html(completion.text),
        text=visible(completion.text),
        answer_id=asked.answer_id(place),
        raw=completion.text,
        model=None if asked.is_blind else completion.model,
        num_tokens=completion.num_tokens,
        seconds=asked.seconds[place],
        is_cut_off=completion.finish_reason == "length",
    )
