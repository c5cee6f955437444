"""What an admin says of the answers of a chat: the last word about the same answers counts."""

from rather.errors import DataError
from rather.feedback.answer import Answer
from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.kinds import answer_of
from rather.records import Completion, Judgment, Labeller
from rather.store import judgments
from rather.store.database import Database


class KeyReused(DataError):
    """The idempotency key came with another judgment before."""


def say(
    db: Database, about: Completion, labeller: Labeller, answer: Answer, key: str, comment: str = ""
) -> tuple[Judgment, bool]:
    """Store it in the place of what this person said there about the same answers before.

    `about` is one of them; `key` tells this saying from the labeller's others. Returns as
    `judgments.record`, and raises KeyReused where the key means another judgment.
    """
    circumstances = Circumstances(
        source="playground",
        idempotency_key=f"{labeller.id}:{key}",  # nobody can block another's
        supersedes=_earlier(db, answer, labeller),
        comment=comment,
    )
    judgment = new_judgment(about.prompt_id, labeller, answer, circumstances)
    stored, replayed = judgments.record(db, judgment)
    if (stored.kind, stored.answer) != (judgment.kind, judgment.answer):
        raise KeyReused("This key belongs to another judgment.")
    return stored, replayed


def _earlier(db: Database, answer: Answer, labeller: Labeller) -> str | None:
    about = set(answer.completion_ids)
    for one in judgments.live(db, answer.kind, labeller.id):
        if one.source == "playground" and set(answer_of(one).completion_ids) == about:
            return one.id
    return None
