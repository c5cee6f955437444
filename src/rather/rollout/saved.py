"""A rollout as plain tensors and back, for a checkpoint in the middle of a step."""

from collections.abc import Sequence
from dataclasses import fields

from torch import Tensor

from rather.data.batch import Row, padded
from rather.rollout.rollout import Rollout


def to_tensors(rollout: Rollout) -> dict[str, Tensor]:
    """Everything of a rollout but its prompts, by the names of its fields."""
    found = {
        field.name: getattr(rollout, field.name)
        for field in fields(rollout)
        if isinstance(getattr(rollout, field.name), Tensor)
    }
    completions = [completion for row in rollout.rows for completion in row.completions]
    return {**found, "completion_ids": padded(completions, fill=0)}


def from_tensors(tensors: dict[str, Tensor], prompt_ids: Sequence[tuple[int, ...]]) -> Rollout:
    """The rollout that `to_tensors` was given; `prompt_ids`: one prompt a row."""
    known = dict(tensors)
    ids, lengths = known.pop("completion_ids").tolist(), tensors["completion_mask"].sum(1).tolist()
    completions = [tuple(row[:length]) for row, length in zip(ids, lengths, strict=True)]
    per_row = len(completions) // len(prompt_ids)
    rows = tuple(
        Row(prompt, tuple(completions[i * per_row : (i + 1) * per_row]))
        for i, prompt in enumerate(prompt_ids)
    )
    return Rollout(rows=rows, **known)
