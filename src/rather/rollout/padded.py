"""Sampling where packing is not possible: transformers' own `generate`, drawn from as elsewhere.

Requests with equally long prompts and the same adapter are generated as one group; equal lengths
need no padding, which some architectures would read. Nobody joins a running group, but groups run
side by side, a token each in turn, where the model allows it. It has the face of
`rather.rollout.engine.Engine`.

`generate` knows how each architecture remembers what it has read, and cannot be asked for one
token. So each group's runs in a thread of its own that stands still but while the engine waits for
its next token: never two of them at once.
"""

import threading
from collections import deque

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, StoppingCriteria

from rather.models.backbone import Backbone
from rather.rollout import drawing
from rather.rollout.queue import Queue
from rather.rollout.requests import Completion, Ticket

MOST_ROWS = 64
"""Completions at once."""


class PaddedEngine(Queue):
    """Requests on a backbone that cannot be packed, in groups of equal length."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__(backbone.context)
        self.backbone = backbone
        self.keeps_state = keeps_state(backbone)
        """Whether only one group can run at a time, and nothing beside it."""
        self._groups: list[_Group] = []

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._waiting and not self._groups

    @property
    def num_rows(self) -> int:
        """Completions that are being decoded."""
        return sum(len(group.rows) for group in self._groups)

    def prepare(self) -> None:
        """Nothing is laid out before the first request."""

    def forget(self, adapter: str) -> None:
        """Nothing is made of an adapter beforehand."""

    def has_room(self, num_rows: int, span: int) -> bool:
        """Whether so many completions could join at the next step beside what runs and waits; by
        itself anything could."""
        waiting = sum(len(ticket.completions) for ticket in self._waiting)
        return self.is_idle or self.num_rows + waiting + num_rows <= MOST_ROWS

    def step(self) -> int:
        """One token for every completion of every group; returns how many were drawn."""
        self._waiting = deque(ticket for ticket in self._waiting if not ticket.is_cancelled)
        while (tickets := self._next_group()) is not None:
            for ticket in tickets:
                ticket.is_begun = True
            self._groups.append(_Group(self.backbone, tickets))
        num_drawn = 0
        try:
            for group in self._groups:
                num_drawn += group.step()
        except BaseException:
            self.close()
            raise
        self._groups = [group for group in self._groups if not group.is_over]
        return num_drawn

    def close(self) -> None:
        """End the threads of all groups, which keep the model's weights in memory."""
        for group in self._groups:
            group.end()
        self._groups = []

    def _next_group(self) -> list[Ticket] | None:
        """The oldest request and those after it that can be generated beside it, where there is
        room for it."""
        if not self._waiting:
            return None
        first, num_rows = self._waiting[0], self.num_rows
        is_full = num_rows + len(first.completions) > MOST_ROWS
        if num_rows and (is_full or self.keeps_state):
            return None
        group: list[Ticket] = []
        rest: deque[Ticket] = deque()
        for ticket in self._waiting:
            num_rows += len(ticket.completions)
            is_alike = ticket is first or (
                ticket.adapter == first.adapter
                and len(ticket.request.prompt_ids) == len(first.request.prompt_ids)
                and num_rows <= MOST_ROWS
            )
            (group if is_alike else rest).append(ticket)
        self._waiting = rest
        return group


def keeps_state(backbone: Backbone) -> bool:
    """Whether a model that has been run remembers what it read in its own modules, not in a cache
    that it is given: RecurrentGemma does, and two texts at once would be mixed up."""
    values = (value for module in backbone.model.modules() for value in vars(module).values())
    return any(isinstance(value, Tensor) for value in values)


class _Group:
    """Requests that are generated together, by a thread that waits to be asked for each token."""

    def __init__(self, backbone: Backbone, tickets: list[Ticket]) -> None:
        self._backbone, self._tickets = backbone, tickets
        self.rows = [(ticket, n) for ticket in tickets for n in range(len(ticket.completions))]
        self.is_over = False
        self._is_unwanted = False
        self._error: BaseException | None = None
        self._asked, self._made = threading.Semaphore(0), threading.Semaphore(0)
        self._turn = _Turn(self)
        self._thread = threading.Thread(target=self._generate, name="rather-padded", daemon=True)
        self._thread.start()

    def step(self) -> int:
        """One token for every row that has not ended; returns how many were drawn."""
        before = self._turn.num_drawn
        self._backbone.switch_to(self._tickets[0].adapter)
        self._asked.release()
        self._made.acquire()
        if self._error is not None:
            raise self._error
        return self._turn.num_drawn - before

    def end(self) -> None:
        """Let the thread go."""
        self._is_unwanted = True
        self._asked.release()

    def pause(self) -> bool:
        """Of the thread, after each token: wait to be asked for the next; whether all is over."""
        if not self._has_ended():
            self._made.release()
            self._asked.acquire()
        return self._has_ended()

    def has_ended(self, row: int) -> bool:
        """Whether nothing more is wanted of a row."""
        return self.rows[row][0].is_cancelled or self.completion(row).finish_reason is not None

    def completion(self, row: int) -> Completion:
        """What a row has so far."""
        ticket, number = self.rows[row]
        return ticket.completions[number]

    def _has_ended(self) -> bool:
        return self._is_unwanted or all(map(self.has_ended, range(len(self.rows))))

    def _generate(self) -> None:
        self._asked.acquire()
        try:
            self._run()
        except BaseException as error:
            self._error = error  # told to whoever asked for the token
        self.is_over = True
        self._made.release()

    @torch.inference_mode()
    def _run(self) -> None:
        device = self._backbone.device
        prompts = torch.tensor([ticket.request.prompt_ids for ticket, _ in self.rows]).to(device)
        self._backbone.model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            generation_config=self._greedy(max(ticket.limit for ticket in self._tickets)),
            logits_processor=[self._turn],
            stopping_criteria=[_AllEnded(self)],
        )

    def _greedy(self, limit: int) -> GenerationConfig:
        """Nothing of a model's own sampling settings, and no end but ours: a token it has not."""
        rows = self._backbone.model.get_input_embeddings().weight.shape[0]
        return GenerationConfig(
            max_new_tokens=limit, do_sample=False, eos_token_id=rows, pad_token_id=0
        )


class _Turn(LogitsProcessor):
    """Draws each row's token from the logits `generate` shows, and leaves it no other choice."""

    def __init__(self, group: _Group) -> None:
        self._group = group
        self.num_drawn = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Logits [Q, V] in which only the drawn token is possible."""
        rows = self._group.rows
        going = [row for row in range(len(rows)) if not self._group.has_ended(row)]
        if not going:  # the last one left while its logits were computed
            return scores
        wanted = [drawing.Row(rows[r][0].settings, self._group.completion(r)) for r in going]
        only = torch.zeros(len(scores), dtype=torch.long)
        drawn = drawing.draw(scores[going], wanted)
        drawing.note_likelihoods(scores[going], wanted, [token for token, _ in drawn])
        for row, (token, logprob) in zip(going, drawn, strict=True):
            ticket, number = rows[row]
            ticket.add(number, token, logprob)
            only[row] = token
        self.num_drawn += len(going)
        return torch.full_like(scores, -torch.inf).scatter_(1, only.to(scores.device)[:, None], 0.0)


class _AllEnded(StoppingCriteria):
    """Ends a group with its last row, and stands still between two tokens."""

    def __init__(self, group: _Group) -> None:
        self._group = group

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: object) -> Tensor:
        """[Q] True: all rows at once."""
        return torch.full((len(input_ids),), self._group.pause(), device=input_ids.device)
