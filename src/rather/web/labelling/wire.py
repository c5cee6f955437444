"""What was said, between its shape on the wire and the record of its kind."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from rather.config.labelling import Labelling
from rather.errors import DataError
from rather.feedback.answer import Answer
from rather.feedback.items import item_name
from rather.feedback.kinds import KINDS
from rather.records import Assignment, Judgment
from rather.web.contract.labelling import Said
from rather.web.labelling.ledger import purpose_of
from rather.web.replies import Refusal

_SAID: TypeAdapter[Said] = TypeAdapter(Said)


def said_of(answer: Answer, shown: Sequence[str]) -> Said:
    """An answer as it is said of the completions in this order."""
    return _SAID.validate_python(answer.to_said(shown))


def answer_from(said: Said, shown: Assignment, section: Labelling) -> Answer:
    """What was said of an assignment; a Refusal (422) where it cannot be said of it.

    A correction may be given on whatever shows answers.
    """
    if said.kind != shown.kind and (said.kind != "correction" or not shown.completion_ids):
        raise _invalid("kind", f"this item asks for a {shown.kind}, not a {said.kind}")
    values: dict[str, Any] = said.model_dump()
    unknown = set(values.get("dimensions", ())) - set(section.dimensions)
    if unknown:
        raise _invalid("dimensions", f"{sorted(unknown)[0][:80]} is not one of this project's")
    try:
        return KINDS[said.kind].from_said(values, shown.completion_ids)
    except DataError as error:
        raise Refusal(422, str(error), code="invalid") from error


def assignment_of(judgment: Judgment, answer: Answer) -> Assignment:
    """The assignment that a judgment answers, as far as the judgment tells."""
    ids = answer.completion_ids
    return Assignment(
        item=item_name(judgment.kind, judgment.prompt_id, ids),
        labeller_id=judgment.labeller_id,
        purpose=purpose_of(judgment),
        kind=judgment.kind,
        prompt_id=judgment.prompt_id,
        completion_ids=ids,
        created_at=judgment.created_at,
        expires_at=judgment.created_at,
    )


def _invalid(field: str, reason: str) -> Refusal:
    return Refusal(422, f"body.said.{field}: {reason}.", code="invalid")
