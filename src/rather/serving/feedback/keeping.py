"""Keeps what was served, as far as the settings allow: redacted first, for so many days."""

import hashlib
import hmac
import json
import logging
from collections import Counter
from dataclasses import dataclass, field

import anyio.to_thread

from rather.config.use import Use
from rather.errors import EnvironmentFault
from rather.feedback.use.records import KeptAnswer
from rather.feedback.use.redaction import TooSlow, redact
from rather.records import Message
from rather.serving.context import Served, ServedCompletion
from rather.store.database import Database
from rather.store.use import served as shelf
from rather.store.use.served import moment

LOG = logging.getLogger(__name__)
NUM_CHARACTERS_OF_A_NAME = 20


@dataclass(frozen=True)
class Names:
    """What is stored in the place of what would tell who asked what."""

    secret: bytes

    def client(self, caller: str) -> str:
        """The same of all requests with one key (or from one address)."""
        return f"use_{self._digest('client', caller)[:NUM_CHARACTERS_OF_A_NAME]}"

    def question(self, messages: tuple[Message, ...]) -> str:
        """The same of all answers to one conversation."""
        said = json.dumps([[one.role, one.content] for one in messages])
        return self._digest("question", said)[:NUM_CHARACTERS_OF_A_NAME]

    def _digest(self, *parts: str) -> str:
        return hmac.new(self.secret, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Keeper:
    """Stores what the API gave, before the reply ends."""

    db: Database
    names: Names
    use: Use
    lost: Counter[str] = field(default_factory=Counter)
    """What was not kept although it should have been, by reason."""

    async def keep(self, given: Served) -> None:
        """Store every completion of a request that came to its end."""
        if self.use.keep == "none":
            return
        try:
            await anyio.to_thread.run_sync(self.store, given)
        except EnvironmentFault as error:
            # The client has its answer all the same; only feedback on it will find nothing.
            self.lost["not stored"] += len(given.completions)
            LOG.error("what was served is not kept: %s", error)

    def store(self, given: Served) -> None:
        """Store it now; `keep` does so beside the event loop."""
        answers = [self._kept(given, completion) for completion in given.completions]
        shelf.add(self.db, [one for one in answers if one is not None])

    def _kept(self, given: Served, completion: ServedCompletion) -> KeptAnswer | None:
        if completion.finish_reason not in ("stop", "length"):
            return None  # the client left before its end, or the server did
        messages, text, redactions = self._texts(given, completion.text)
        return KeptAnswer(
            id=completion_name(given.id, completion.number, given.num_choices),
            client=self.names.client(given.client),
            asked=given.asked,
            model=given.version,
            question=self.names.question(given.messages),
            created_at=moment(given.created),
            seed=completion.seed,
            sampling=dict(given.sampling),
            finish_reason=completion.finish_reason,
            num_tokens=completion.num_tokens,
            messages=messages,
            text=text,
            redactions=redactions,
        )

    def _texts(
        self, given: Served, text: str
    ) -> tuple[tuple[Message, ...], str | None, dict[str, int]]:
        """What was asked and answered, redacted; nothing where no texts are to be kept.

        A raw text to go on with is no conversation: no model is trained on how it goes on.
        """
        if self.use.keep != "texts" or given.is_text:
            return (), None, {}
        counts: Counter[str] = Counter()
        try:
            messages = tuple(
                Message(one.role, self.redacted(one.content, counts)) for one in given.messages
            )
            return messages, self.redacted(text, counts), dict(counts)
        except TooSlow:
            self.lost["redaction took too long"] += 1
            LOG.error("texts of %s are not kept: its redaction took too long", given.id)
            return (), None, {}

    def redacted(self, text: str, counts: Counter[str]) -> str:
        """A text as it may be stored; raises TooSlow. NUL, which no database keeps, is replaced."""
        found = redact(text.replace("\x00", "\ufffd"), self.use.redact, self.use.redact_patterns)
        counts.update(found.counts)
        return found.text


def completion_name(reply_id: str, number: int, num_completions: int) -> str:
    """What a completion is called in feedback: the reply's id, of several with the number."""
    return reply_id if num_completions == 1 else f"{reply_id}-{number}"
