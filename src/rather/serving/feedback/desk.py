"""Takes feedback on what was served: counts all of it, and lets models learn where they may."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rather.data.identity import completion_id, digest, prompt_id
from rather.errors import DataError
from rather.feedback.answer import Answer
from rather.feedback.correction import Correction
from rather.feedback.events import Circumstances, new_id, new_judgment
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.feedback.use.picked import picked
from rather.feedback.use.records import KeptAnswer, Reaction
from rather.feedback.use.redaction import TooSlow
from rather.records import Completion, Labeller, Prompt
from rather.serving.feedback.contract import (
    CorrectionSaid,
    FeedbackReply,
    PreferredSaid,
    ThumbSaid,
)
from rather.serving.feedback.keeping import Keeper
from rather.store.use import reactions
from rather.store.use import served as store
from rather.store.use.reactions import Lesson
from rather.store.use.served import moment, oldest_kept
from rather.web.replies import Refusal

Feedback = ThumbSaid | PreferredSaid | CorrectionSaid
WhyNot = Literal["no_consent", "texts_not_kept"]
NUM_CHARACTERS_SHOWN = 6


@dataclass(frozen=True)
class Desk:
    """What `POST /v1/feedback` does."""

    keeper: Keeper
    now: Callable[[], float] = time.time
    """Seconds since 1970."""

    def take(self, caller: str, said: Feedback) -> FeedbackReply:
        """Store what a caller says; returns once it is durable.

        Raises Refusal where it names what this caller was not given, or says it wrongly.
        """
        client = self.keeper.names.client(caller)
        about = self._find(client, said.completion_ids)
        lesson = self._lesson(client, said, about)
        request = digest(said.model_dump(mode="json", exclude={"idempotency_key"}))
        reaction = Reaction(
            id=new_id(),
            kind=_kind(said),
            client=client,
            asked=_asked(about),
            served_ids=tuple(one.id for one in about),
            models=tuple(one.model for one in about),
            ranks=_ranks(said),
            has_consent=said.consent,
            judgment_id=None if lesson is None else lesson.judgment.id,
            idempotency_key=f"{client}:{said.idempotency_key or new_id()}",
            request=request,
            created_at=moment(self.now()),
        )
        is_keyed = said.idempotency_key is not None
        stored, replayed = reactions.record(self.keeper.db, reaction, lesson, is_keyed=is_keyed)
        if stored.request != request:
            raise Refusal(409, "This key belongs to other feedback.", code="key_reused")
        return FeedbackReply(
            id=stored.id,
            models=list(stored.models),
            judgment_id=stored.judgment_id,
            reason=_why_not(stored),
            replayed=replayed,
        )

    def _find(self, client: str, ids: list[str]) -> list[KeptAnswer]:
        """What this client was given under these ids; nobody else's."""
        if len(set(ids)) < len(ids):
            raise Refusal(400, "completion_ids: one is there twice.", code="invalid")
        since = oldest_kept(self.keeper.use.keep_days, self.now())
        known = store.get_many(self.keeper.db, ids, since)
        missing = [id for id in ids if id not in known or known[id].client != client]
        if missing:
            raise Refusal(
                404,
                f"There is no completion {missing[0]} of yours here; it may be too old, or this "
                "server keeps none (serve.keep, serve.keep_days).",
                code="unknown_completion",
            )
        found = [known[id] for id in ids]
        if len({one.question for one in found}) > 1:
            raise Refusal(
                400, "These completions do not answer the same conversation.", code="invalid"
            )
        return found

    def _lesson(self, client: str, said: Feedback, about: list[KeptAnswer]) -> Lesson | None:
        """What models may learn from it; None where they may not."""
        texts = [one.text for one in about if one.text is not None and one.messages]
        if len(texts) < len(about):
            if isinstance(said, CorrectionSaid):
                raise Refusal(
                    409,
                    "This server has not kept the answer that you correct (serve.keep: texts "
                    "would), so your text is of no use here.",
                    code="texts_not_kept",
                )
            return None
        prompt = Prompt(prompt_id(about[0].messages), about[0].messages, "train", source="use")
        made = tuple(_completion(one, prompt) for one in about)
        answer = self._answer(said, made)
        if not said.consent:
            return None
        comment = self._redacted(said.comment)
        labeller = _labeller(client)
        circumstances = Circumstances(
            "use", f"{client}:{new_id()}", comment=comment, has_consent=said.consent
        )
        judgment = new_judgment(prompt.id, labeller, answer, circumstances)
        return Lesson(judgment, labeller, prompt, made)

    def _answer(self, said: Feedback, about: tuple[Completion, ...]) -> Answer:
        if isinstance(said, ThumbSaid):
            return Thumb(about[0].id, said.good)
        if isinstance(said, PreferredSaid):
            return _picked([one.id for one in about], said)
        text = self._redacted(said.text)
        if not text.strip() or text == about[0].text:
            raise Refusal(400, "Write a text that differs from the answer.", code="unchanged")
        return Correction(about[0].id, text)

    def _redacted(self, text: str) -> str:
        try:
            return self.keeper.redacted(text, Counter())
        except TooSlow:
            raise Refusal(
                400, "Checking this text for personal data takes too long.", code="too_slow"
            ) from None


def _kind(said: Feedback) -> Literal["thumb", "pair", "ranking", "correction"]:
    if isinstance(said, PreferredSaid):
        return "pair" if len(said.completion_ids) == 2 else "ranking"
    return said.kind


def _asked(about: list[KeptAnswer]) -> str:
    """What all of them were answers of; empty where several models were named."""
    names = {one.asked for one in about}
    return names.pop() if len(names) == 1 else ""


def _ranks(said: Feedback) -> tuple[int, ...]:
    """As `Reaction.ranks` has them."""
    if isinstance(said, ThumbSaid):
        return (1,) if said.good else (2,)
    if isinstance(said, CorrectionSaid):
        return ()
    answer = _picked(said.completion_ids, said)
    if isinstance(answer, Ranking):
        return answer.ranks
    return {"A": (1, 2), "B": (2, 1), "tie": (1, 1), "both_bad": (2, 2)}[answer.choice]


def _picked(ids: list[str], said: PreferredSaid) -> Pair | Ranking:
    if len(set(ids)) < len(ids):
        raise Refusal(400, "These are the same answer; there is nothing to prefer.", code="same")
    try:
        return picked(ids, said.choice)
    except DataError as error:
        raise Refusal(400, f"choice: {error}", code="invalid") from None


def _why_not(reaction: Reaction) -> WhyNot | None:
    if reaction.judgment_id is not None:
        return None
    return "texts_not_kept" if reaction.has_consent else "no_consent"


def _labeller(client: str) -> Labeller:
    """Who says it: a client, by a name that is nobody's."""
    shown = client.removeprefix("use_")[:NUM_CHARACTERS_SHOWN]
    return Labeller(client, f"client {shown}", is_simulated=False)


def _completion(kept: KeptAnswer, prompt: Prompt) -> Completion:
    """What was served, as the store keeps completions; not to be asked about."""
    assert kept.text is not None
    sampling = {**kept.sampling, "purpose": "use"}
    return Completion(
        id=completion_id(prompt.id, kept.model, sampling, kept.seed, kept.text),
        prompt_id=prompt.id,
        text=kept.text,
        model=kept.model,
        sampling=sampling,
        seed=kept.seed,
        finish_reason="length" if kept.finish_reason == "length" else "stop",
        num_tokens=kept.num_tokens,
    )
