"""A rollout as plain tensors and back, for a checkpoint in the middle of a step."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import torch
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


def joined(parts: Sequence[dict[str, Tensor]], prompt_ids: Sequence[tuple[int, ...]]) -> Rollout:
    """One rollout of parts made apart: what `to_tensors` gave, and the `places` of their prompts.

    Every part has as many completions a prompt; `prompt_ids` are all prompts, in order.
    """
    order = torch.cat([part["places"] for part in parts]).argsort()
    whole = {}
    for name in parts[0].keys() - {"places"}:
        stacked = _stacked([part[name] for part in parts])
        by_prompt = stacked.view(len(order), -1, *stacked.shape[1:])
        whole[name] = by_prompt[order].flatten(0, 1)
    return from_tensors(whole, prompt_ids)


def with_rows(rollout: Rollout, known: Mapping[int, Row]) -> Rollout:
    """The rollout with some of its rows, by place, replaced by equal ones that carry more."""
    rows = tuple(known.get(place, row) for place, row in enumerate(rollout.rows))
    return replace(rollout, rows=rows)


def _stacked(tables: Sequence[Tensor]) -> Tensor:
    """Tables [b, ...] below each other, the narrower ones filled up with 0."""
    if tables[0].dim() == 1:
        return torch.cat(list(tables))
    width = max(table.shape[1] for table in tables)
    found = tables[0].new_zeros(sum(map(len, tables)), width)
    for table, part in zip(tables, found.split([len(table) for table in tables]), strict=True):
        part[:, : table.shape[1]] = table
    return found
