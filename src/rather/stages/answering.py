"""`score`: ask reward models about texts."""

from collections.abc import Sequence
from typing import Any

from rather.data.collected import BadField
from rather.data.conversations import prompt_of
from rather.data.identity import prompt_id
from rather.errors import DataError
from rather.models.roles import RewardEnsemble
from rather.records import Prompt
from rather.rollout.tables import MEASURED_TOGETHER, score_rows
from rather.stages.runs import open_library, reward_name
from rather.workspace import Workspace


def score_texts(ws: Workspace, wanted: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Score {"prompt": text or messages, "completion": text} rows with a reward model.

    An ensemble gives the mean of its members.
    """
    library = open_library(ws)
    name = reward_name(ws, wanted)
    codec = library.codec(name)
    encoded = []
    for number, row in enumerate(rows, start=1):
        completion = row.get("completion")
        if not isinstance(completion, str) or not completion.strip():
            raise DataError(f"Row {number} has no text under `completion`.")
        encoded.append(codec.row(to_prompt(row.get("prompt"), number), ((completion, False),)))
    members = library.reward_members(name)
    model = members[0] if len(members) == 1 else RewardEnsemble(members)
    with ws.progress.track(f"scores by {name}", len(encoded), "rows") as task:
        scores = score_rows(model, encoded, MEASURED_TOGETHER, task.advance)
    flat = [round(score[0], 6) for score in scores]
    shown = ", ".join(f"{score:.3f}" for score in flat[:10])
    return {
        "summary": f"{name}: {shown}{' …' if len(flat) > 10 else ''}",
        "model": name,
        "scores": flat,
    }


def to_prompt(given: Any, number: int) -> Prompt:
    """A prompt from a text or from messages; DataError says which row is wrong."""
    try:
        messages, is_text = prompt_of({"prompt": given})
    except BadField as wrong:
        raise DataError(f"Row {number}: {wrong}.") from None
    return Prompt(prompt_id(messages), messages, "heldout", is_text=is_text)
