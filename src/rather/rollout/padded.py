"""Sampling where packing is not possible: transformers' own `generate`, drawn from as elsewhere.

A group of requests with equally long prompts and the same adapter is generated from beginning to
end; equal lengths need no padding, which some architectures would read. It has the face of
`rather.rollout.engine.Engine`, but nobody joins a running group.
"""

from collections import deque

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, StoppingCriteria

from rather.models.backbone import Backbone
from rather.rollout import drawing
from rather.rollout.queue import Queue
from rather.rollout.requests import Completion, Ticket

MOST_ROWS = 64
"""Completions of one group."""


class PaddedEngine(Queue):
    """Requests on a backbone that cannot be packed, a group at a time."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__(backbone.context)
        self.backbone = backbone
        self.num_rows = 0
        """Completions that are being decoded: none between two steps."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._waiting

    @torch.inference_mode()
    def step(self) -> int:
        """Generate the oldest request's group to its end; returns how many tokens were drawn."""
        group = self._next_group()
        if not group:
            return 0
        turn = _Turn(group)
        prompts = torch.tensor([ticket.request.prompt_ids for ticket, _ in turn.rows])
        self.backbone.switch_to(group[0].adapter)
        self.num_rows = len(turn.rows)
        self.backbone.model.generate(
            prompts.to(self.backbone.device),
            attention_mask=torch.ones_like(prompts).to(self.backbone.device),
            generation_config=self._greedy(max(ticket.limit for ticket in group)),
            logits_processor=[turn],
            stopping_criteria=[_AllEnded(turn)],
        )
        self.num_rows = 0
        return turn.num_drawn

    def _greedy(self, limit: int) -> GenerationConfig:
        """Nothing of a model's own sampling settings, and no end but ours: a token it has not."""
        rows = self.backbone.model.get_input_embeddings().weight.shape[0]
        return GenerationConfig(
            max_new_tokens=limit, do_sample=False, eos_token_id=rows, pad_token_id=0
        )

    def _next_group(self) -> list[Ticket]:
        """The oldest request and those after it that can be generated beside it."""
        waiting = [ticket for ticket in self._waiting if not ticket.is_cancelled]
        group: list[Ticket] = []
        rest: deque[Ticket] = deque()
        num_rows = 0
        for ticket in waiting:
            num_rows += len(ticket.completions)
            is_alike = not group or (
                ticket.adapter == group[0].adapter
                and len(ticket.request.prompt_ids) == len(group[0].request.prompt_ids)
                and num_rows <= MOST_ROWS
            )
            (group if is_alike else rest).append(ticket)
        self._waiting = rest
        return group


class _Turn(LogitsProcessor):
    """Draws each row's token from the logits `generate` shows, and leaves it no other choice."""

    def __init__(self, group: list[Ticket]) -> None:
        self.rows = [(ticket, n) for ticket in group for n in range(len(ticket.completions))]
        self.num_drawn = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Logits [Q, V] in which only the drawn token is possible."""
        going = [row for row, _ in enumerate(self.rows) if not self._has_ended(row)]
        wanted = [drawing.Row(self.rows[r][0].settings, self._completion(r)) for r in going]
        only = torch.zeros(len(scores), dtype=torch.long)
        for row, (token, logprob) in zip(going, drawing.draw(scores[going], wanted), strict=True):
            ticket, number = self.rows[row]
            ticket.add(number, token, logprob)
            only[row] = token
        self.num_drawn += len(going)
        return torch.full_like(scores, -torch.inf).scatter_(1, only.to(scores.device)[:, None], 0.0)

    def has_ended(self) -> bool:
        """Whether every row has."""
        return all(map(self._has_ended, range(len(self.rows))))

    def _has_ended(self, row: int) -> bool:
        return self.rows[row][0].is_cancelled or self._completion(row).finish_reason is not None

    def _completion(self, row: int) -> Completion:
        ticket, number = self.rows[row]
        return ticket.completions[number]


class _AllEnded(StoppingCriteria):
    """Ends a group with its last row."""

    def __init__(self, turn: _Turn) -> None:
        self.turn = turn

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: object) -> Tensor:
        """[Q] True: all rows at once."""
        return torch.full((len(input_ids),), self.turn.has_ended(), device=input_ids.device)
