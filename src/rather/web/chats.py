"""The playground's memory: which answers were shown together, under ids that tell no model.

An ask is kept in the store under a name drawn from its idempotency key, with its completions in
the order they were shown; an answer's id is that name and its place. So a page that was left open
over a restart goes on, and the same key never asks twice.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rather.records import Completion
from rather.store import completions, meta
from rather.store.database import Database

_ANSWER_ID = re.compile(r"(?P<chat>[0-9a-f]{26})-(?P<place>[0-3])")


@dataclass(frozen=True)
class Asked:
    """One question to several models."""

    id: str
    labeller_id: str
    request: str
    """Digest of what was asked, to tell a replay from another question with the same key."""
    completion_ids: tuple[str, ...]
    """As shown, left to right."""
    seconds: tuple[float, ...]
    is_blind: bool

    def answer_id(self, place: int) -> str:
        """What a page calls the answer at that place."""
        return f"{self.id}-{place}"


@dataclass(frozen=True)
class Chats:
    """The asks of one workspace."""

    db: Database
    secret: bytes

    def id_of(self, labeller_id: str, key: str) -> str:
        """The name of an ask; nobody can say another labeller's."""
        return self._digest("chat", labeller_id, key).hex()[:26]

    def seed(self, id: str, place: int) -> int:
        """Of the answer of the request's model number `place`."""
        return int.from_bytes(self._digest("seed", id, str(place))[:6], "big")

    def shuffled(self, id: str, num_answers: int) -> list[int]:
        """Places of the request's models in the order their answers are shown when blind."""
        return sorted(range(num_answers), key=lambda place: self._digest("side", id, str(place)))

    def find(self, id: str) -> Asked | None:
        """The ask of that name, None where there is none."""
        found = meta.get(self.db, f"chat:{id}")
        if found is None:
            return None
        known = json.loads(found)
        for name in ("completion_ids", "seconds"):
            known[name] = tuple(known[name])
        return Asked(**known)

    def keep(self, asked: Asked) -> None:
        """Remember an ask."""
        meta.put(self.db, f"chat:{asked.id}", json.dumps(asdict(asked)))

    def answers(self, asked: Asked) -> list[Completion]:
        """Its completions, as shown."""
        known = completions.get_many(self.db, asked.completion_ids)
        return [known[id] for id in asked.completion_ids]

    def look_up(self, labeller_id: str, answer_ids: Sequence[str]) -> list[Completion] | None:
        """The completions of answers that this labeller was shown by one ask, else None."""
        matches = [_ANSWER_ID.fullmatch(answer_id) for answer_id in answer_ids]
        names = {match["chat"] if match else "" for match in matches}
        asked = self.find(names.pop()) if len(names) == 1 else None
        if asked is None or asked.labeller_id != labeller_id:
            return None
        places = [int(match["place"]) for match in matches if match]
        if len(set(places)) < len(places) or max(places) >= len(asked.completion_ids):
            return None
        shown = self.answers(asked)
        return [shown[place] for place in places]

    def _digest(self, *parts: str) -> bytes:
        return hmac.new(self.secret, "\x1f".join(parts).encode(), hashlib.sha256).digest()
