"""Rows and batches: one prompt with its completions is the unit of work everywhere.

A batch holds its tokens packed end to end, row after row, without padding:

    prompt₀ completion₀₀ completion₀₁ … prompt₁ completion₁₀ …

so every linear layer sees real tokens only and a prompt is computed once for all its completions.
Who may attend to whom follows from the index tensors made here (see `rather.models.attention`).

Shapes: S packed tokens, R rows, N completions a row at most, P and C the longest prompt and
completion, B completions in all (row by row), T = C.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from rather.interrupts import safe_point


@dataclass(frozen=True, eq=False)
class Lower:
    """Hidden states after a backbone's first layers, kept because nothing trained lies below."""

    source: object
    """The backbone that made them; no other may use them."""
    depth: int
    """How many layers they have passed."""
    hidden: Tensor
    """[tokens, d], packed as the row or batch is."""


@dataclass(frozen=True)
class Row:
    """One prompt and its completions, as token ids; neither is ever empty."""

    prompt_ids: tuple[int, ...]
    completions: tuple[tuple[int, ...], ...]
    lower: Lower | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Guard against what no model can predict: no prompt, or an empty completion."""
        assert self.prompt_ids, "a row needs at least one prompt token to predict from"
        assert all(self.completions), "an empty completion has nothing to score"

    @property
    def num_tokens(self) -> int:
        """Packed tokens this row takes."""
        return len(self.prompt_ids) + sum(map(len, self.completions))


@dataclass(frozen=True)
class Batch:
    """Rows packed for one forward pass, with the index tensors that find everything again."""

    input_ids: Tensor
    """[S] packed token ids."""
    position_ids: Tensor
    """[S] position of each token in its own conversation; completions of a row run side by side."""
    prompt_index: Tensor
    """[R, P] where each row's prompt tokens lie in the pack; S where there is none."""
    completion_index: Tensor
    """[R, N, C] where each completion's tokens lie; S where there is none."""
    completion_ids: Tensor
    """[B, T] the completions' token ids, 0 where there is none."""
    completion_mask: Tensor
    """[B, T] True = a real completion token."""
    token_index: Tensor
    """[B, T] where completion token t lies in the pack (0 where masked)."""
    predictor_index: Tensor
    """[B, T] where the token that predicts completion token t lies (0 where masked)."""
    predictors: Tensor
    """Places of the tokens that predict one, each once."""
    ends: Tensor
    """[B] where each completion's last token lies."""
    row_of: Tensor
    """[B] the row each completion belongs to."""
    lower: Lower | None = None
    """Known lower hidden states of all its tokens."""

    @property
    def num_tokens(self) -> int:
        """Packed tokens S."""
        return int(self.input_ids.numel())

    @property
    def num_completions(self) -> int:
        """Completions B."""
        return int(self.completion_ids.shape[0])

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        moved: dict[str, Any] = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in vars(self).items()
        }
        return Batch(**moved)


def pack(rows: Sequence[Row]) -> Batch:
    """Pack rows into one batch."""
    ids: list[int] = []
    positions: list[int] = []
    prompts: list[range] = []
    answers: list[list[range]] = []
    for row in rows:
        prompts.append(_append(ids, positions, row.prompt_ids, start=0))
        length = len(row.prompt_ids)
        answers.append([_append(ids, positions, c, start=length) for c in row.completions])
    flat = [span for spans in answers for span in spans]
    firsts = [prompt[-1] for prompt, spans in zip(prompts, answers, strict=True) for _ in spans]
    token_index = padded(flat, fill=0)
    predictors = [(first, *span[:-1]) for first, span in zip(firsts, flat, strict=True)]
    mask = padded([[1] * len(span) for span in flat], fill=0).bool()
    packed = torch.tensor(ids)
    return Batch(
        input_ids=packed,
        position_ids=torch.tensor(positions),
        prompt_index=padded(prompts, fill=len(ids)),
        completion_index=_grid(answers, fill=len(ids)),
        completion_ids=packed[token_index] * mask,
        completion_mask=mask,
        token_index=token_index,
        predictor_index=padded(predictors, fill=0),
        predictors=torch.tensor(sorted({*chain.from_iterable(predictors)}), dtype=torch.long),
        ends=torch.tensor([span[-1] for span in flat], dtype=torch.long),
        row_of=torch.tensor([r for r, spans in enumerate(answers) for _ in spans]),
        lower=_joined([row.lower for row in rows]),
    )


def _joined(parts: Sequence[Lower | None]) -> Lower | None:
    """The rows' lower states end to end, when every row has them from the same place."""
    known = [part for part in parts if part is not None]
    places = {(id(part.source), part.depth) for part in known}
    if len(known) < len(parts) or len(places) != 1:
        return None
    return Lower(known[0].source, known[0].depth, torch.cat([part.hidden for part in known]))


def split_by_tokens(rows: Sequence[Row], budget: int) -> list[list[int]]:
    """Indices of rows grouped, in order, into microbatches of at most `budget` packed tokens.

    A row larger than the budget stands alone.
    """
    groups: list[list[int]] = []
    room = 0
    for index, row in enumerate(rows):
        if not groups or row.num_tokens > room:
            groups.append([])
            room = budget
        groups[-1].append(index)
        room -= row.num_tokens
    return groups


def by_length(rows: Sequence[Row], budget: int) -> list[list[int]]:
    """Like `split_by_tokens`, longest rows first, so that rows of a microbatch are alike, and in
    microbatches as even as so many can be: the largest decides how much memory a pass takes."""
    order = sorted(range(len(rows)), key=lambda index: (-rows[index].num_tokens, index))
    ordered = [rows[index] for index in order]
    groups = split_by_tokens(ordered, budget)
    needed = len(groups)
    too_small, enough = 0, budget
    while len(groups) > 1 and enough - too_small > 1:
        tried = (too_small + enough) // 2
        found = split_by_tokens(ordered, tried)
        if len(found) > needed:
            too_small = tried
        else:
            enough, groups = tried, found
    return [[order[position] for position in group] for group in groups]


def microbatches(
    rows: Sequence[Row],
    budget: int,
    device: torch.device,
    advance: Callable[[int], None] = lambda rows_done: None,
) -> Iterator[tuple[list[int], Batch]]:
    """Rows in microbatches of alike lengths: (indices into rows, packed batch on the device).

    A signal that was heard ends the loop between two microbatches (`rather.interrupts`).
    `advance` hears how many rows are done whenever the next microbatch is asked for.
    """
    for indices in by_length(rows, budget):
        safe_point()
        yield indices, pack([rows[index] for index in indices]).to(device)
        advance(len(indices))


def _append(ids: list[int], positions: list[int], tokens: Sequence[int], *, start: int) -> range:
    """Append one segment to the pack; returns where it lies."""
    span = range(len(ids), len(ids) + len(tokens))
    ids.extend(tokens)
    positions.extend(range(start, start + len(tokens)))
    return span


def padded(spans: Sequence[Sequence[int]], *, fill: int) -> Tensor:
    """Integers of ragged length: [len(spans), longest] with `fill` where a span has ended."""
    width = max((len(span) for span in spans), default=0)
    filled = [[*span, *[fill] * (width - len(span))] for span in spans]
    return torch.tensor(filled, dtype=torch.long).view(len(spans), width)


def _grid(answers: Sequence[Sequence[Sequence[int]]], *, fill: int) -> Tensor:
    """[R, N, C] with `fill` where a row has fewer completions or a completion has ended."""
    most = max(len(spans) for spans in answers)
    flat = [span for spans in answers for span in (*spans, *[()] * (most - len(spans)))]
    width = max((len(span) for span in flat), default=0)
    return padded(flat, fill=fill).view(len(answers), most, width)
