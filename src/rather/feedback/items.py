"""What is put before a labeller, by name: the same completions are the same item in any order."""

import hashlib
import hmac
from collections.abc import Iterable

from rather.feedback.kinds import answer_of
from rather.records import Judgment, Kind


def item_name(kind: Kind, prompt_id: str, completion_ids: Iterable[str] = ()) -> str:
    """The name of one question: its kind, and its completions (its prompt where it has none)."""
    return f"{kind}:{'-'.join(sorted(completion_ids)) or prompt_id}"


def item_of(judgment: Judgment) -> str:
    """The name of the item a judgment is about; DataError where it says it wrongly."""
    answer = answer_of(judgment)
    return item_name(judgment.kind, judgment.prompt_id, answer.completion_ids)


def opaque_id(secret: bytes, name: str) -> str:
    """What a browser sees of an item's name: 26 hex digits that tell nothing."""
    return hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()[:26]
