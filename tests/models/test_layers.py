"""A range of a decoder's layers runs alone, and the decoder is as before when it is done."""

import pytest
import torch
from torch import Tensor, nn

from rather.models.layers import Stack


class Add(nn.Module):
    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def forward(self, hidden_states: Tensor, scale: float = 1.0) -> Tensor:
        return hidden_states + self.number * scale


def run(layers: nn.ModuleList, start: float) -> float:
    hidden = torch.full((1, 1, 1), start)
    for layer in layers:
        hidden = layer(hidden, scale=1.0)
    return hidden.item()


@pytest.fixture
def layers() -> nn.ModuleList:
    return nn.ModuleList([Add(1.0), Add(10.0), Add(100.0)])


def test_above_starts_from_what_is_known(layers: nn.ModuleList) -> None:
    stack = Stack(layers)
    originals = list(layers)
    for depth, expected in ((1, 117.0), (2, 107.0), (3, 7.0)):
        with stack.above(depth, torch.full((1, 1), 7.0)):
            assert run(layers, 0.0) == expected
    assert list(layers) == originals
    assert run(layers, 0.0) == 111.0


def test_below_takes_down_what_the_lower_layers_give(layers: nn.ModuleList) -> None:
    stack = Stack(layers)
    for depth, expected in ((0, 5.0), (1, 6.0), (2, 16.0)):
        with stack.below(depth) as found:
            run(layers, 5.0)
        assert [tensor.tolist() for tensor in found] == [[[[expected]]]]
    assert run(layers, 0.0) == 111.0


def test_first_leaves_out_the_layers_above(layers: nn.ModuleList) -> None:
    stack = Stack(layers)
    for depth, expected in ((0, 5.0), (1, 6.0), (2, 16.0), (3, 116.0)):
        with stack.first(depth):
            assert run(layers, 5.0) == expected
    with stack.first(2), stack.above(1, torch.full((1, 1), 7.0)):
        assert run(layers, 5.0) == 17.0
    assert run(layers, 0.0) == 111.0
    assert [len(stack.from_layer(depth)) for depth in (None, 0, 2)] == [0, 3, 1]


def test_a_failure_inside_leaves_the_layers_in_place(layers: nn.ModuleList) -> None:
    stack = Stack(layers)
    with pytest.raises(RuntimeError, match="inside"), stack.above(2, torch.zeros(1, 1)):
        raise RuntimeError("inside")
    assert run(layers, 0.0) == 111.0


def test_a_stand_in_has_its_layer_s_settings_and_none_of_its_weights(
    layers: nn.ModuleList,
) -> None:
    stack = Stack(nn.ModuleList([nn.Linear(2, 2)]))
    with stack.above(1, torch.zeros(1, 2)):
        assert stack.layers[0].in_features == 2
        assert list(stack.layers.parameters()) == []
    assert len(list(stack.layers.parameters())) == 2
    assert len(Stack(layers)) == 3
