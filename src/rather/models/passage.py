"""How a batch travels through a decoder: packed, or one padded sequence a completion.

Packed rows are right only where nothing but our attention mixes tokens. Layers that mix them in
another way (convolutions, recurrences, attention sinks, biases of their own) would let neighbours
in a pack leak into each other. Their batches are unpacked: every completion becomes a sequence of
its own behind a copy of its prompt, padded on the right, where no causal layer looks. That costs
padding and repeated prompts; the numbers are the same.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from rather.data.batch import Batch, padded
from rather.models.packed.layout import PackedLayout


class Passage(Protocol):
    """One batch's way through a decoder; S packed tokens, width d."""

    def inputs(self) -> Mapping[str, Any]:
        """What the decoder is called with."""

    def spread(self, packed: Tensor) -> Tensor:
        """Hidden states [S, d] in the shape the decoder's layers hand on."""

    def collect(self, hidden: Tensor) -> Tensor:
        """The other way round: what the layers hand on, as [S, d]."""


class Packed:
    """All rows end to end, as a batch of one."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def inputs(self) -> Mapping[str, Any]:
        """See `Passage.inputs`."""
        batch = self.batch
        return {
            "input_ids": batch.input_ids[None],
            "position_ids": batch.position_ids[None],
            "layout": PackedLayout(batch),
        }

    def spread(self, packed: Tensor) -> Tensor:
        """See `Passage.spread`."""
        return packed[None]

    def collect(self, hidden: Tensor) -> Tensor:
        """See `Passage.collect`."""
        return hidden[0]


class Unpacked:
    """A sequence a completion, behind a copy of its prompt, padded on the right: [Q, L].

    A prompt's hidden states are read from its first sequence; they are the same in all.
    """

    def __init__(self, batch: Batch) -> None:
        places = _sequences(batch)
        width = max(map(len, places))
        self.index = padded(places, fill=0).to(batch.input_ids.device)
        """[Q, L] where each token lies in the pack; 0 where a sequence has ended."""
        home: dict[int, int] = {}
        for number, sequence in enumerate(places):
            for at, place in enumerate(sequence):
                home.setdefault(place, number * width + at)
        self.home = torch.tensor(
            [home[place] for place in range(batch.num_tokens)], device=self.index.device
        )
        """[S] where each packed token is found among the Q·L."""
        self.input_ids = batch.input_ids[self.index]

    def inputs(self) -> Mapping[str, Any]:
        """See `Passage.inputs`; positions are counted and masks are causal by default."""
        return {"input_ids": self.input_ids}

    def spread(self, packed: Tensor) -> Tensor:
        """See `Passage.spread`."""
        return packed[self.index]

    def collect(self, hidden: Tensor) -> Tensor:
        """See `Passage.collect`."""
        return hidden.flatten(0, 1)[self.home]


def _sequences(batch: Batch) -> list[list[int]]:
    """Places in the pack of each sequence's tokens: a prompt's, then one of its completions'."""
    none = batch.num_tokens
    found = []
    completions = batch.completion_index.tolist()
    for prompt, answers in zip(batch.prompt_index.tolist(), completions, strict=True):
        start = [place for place in prompt if place != none]
        own = [[place for place in answer if place != none] for answer in answers]
        found += [start + answer for answer in own if answer] or [start]
    return found
