"""Keys and values of tokens that follow each other, in all layers: cut, copied and gone on from.

Shapes: H key heads, t tokens, D and E the widths of keys and values.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Layer(NamedTuple):
    """One layer's part."""

    k: Tensor
    """[H, t, D]"""
    v: Tensor
    """[H, t, E]"""

    def cut(self, start: int, end: int) -> "Layer":
        """Some of the tokens, in the same memory."""
        return Layer(self.k[:, start:end], self.v[:, start:end])


@dataclass(frozen=True)
class Span:
    """What all layers keep of some tokens."""

    layers: tuple[Layer, ...]

    @property
    def num_tokens(self) -> int:
        """Tokens t."""
        return int(self.layers[0].k.shape[1])

    @property
    def num_bytes(self) -> int:
        """Memory they take."""
        return sum(x.numel() * x.element_size() for layer in self.layers for x in layer)

    def cut(self, start: int, end: int) -> "Span":
        """Some of the tokens, in the same memory."""
        return Span(tuple(layer.cut(start, end) for layer in self.layers))

    def copied(self) -> "Span":
        """The same in memory of its own, which goes when it does."""
        packed = torch.contiguous_format
        return Span(
            tuple(Layer(*(x.clone(memory_format=packed) for x in layer)) for layer in self.layers)
        )


class Growing:
    """A prompt's keys and values as far as they are known, with room for all of them."""

    def __init__(self, length: int) -> None:
        """`length`: the prompt's tokens."""
        self.length = length
        self.filled = 0
        """Tokens that are known, or being computed."""
        self._layers: list[Layer] = []

    @property
    def span(self) -> Span:
        """What is known, in the same memory."""
        return Span(tuple(layer.cut(0, self.filled) for layer in self._layers))

    def add(self, span: Span) -> None:
        """Take over what is known of the next tokens."""
        for number, layer in enumerate(span.layers):
            self.write(number, self.filled, layer)
        self.filled += span.num_tokens

    def write(self, number: int, start: int, layer: Layer) -> Layer:
        """Put one layer's part of new tokens behind the first `start`; gives all up to them."""
        if number == len(self._layers):
            rooms = (x.new_empty(x.shape[0], self.length, x.shape[2]) for x in layer)
            self._layers.append(Layer(*rooms))
        end = start + layer.k.shape[1]
        for room, x in zip(self._layers[number].cut(start, end), layer, strict=True):
            room.copy_(x)
        return self._layers[number].cut(0, end)
