"""A range of a decoder's layers runs alone, and the decoder is as before when it is done."""

import pytest
import torch
from torch import Tensor, nn

from rather.models.layers import Narrowed, Stack
from rather.models.lora import Switch


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


class Doubling(nn.Module):
    """A layer with a feed-forward that says which rows it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.mlp.weight, 2.0)
        self.given: list[list[float]] = []
        self.mlp.register_forward_pre_hook(lambda _, args: self.given.append(args[0].tolist()))

    def forward(self, hidden_states: Tensor) -> Tensor:
        return hidden_states + self.mlp(hidden_states)


@pytest.fixture
def doubling() -> Stack:
    stack = Stack(nn.ModuleList([Doubling(), Doubling()]))
    with stack.watched():
        passed(stack, torch.ones(1, 1, 1))
    return stack


def passed(stack: Stack, x: Tensor) -> list[float]:
    for layer in stack.layers:
        x = layer(x)
    return x.flatten().tolist()


def test_only_the_last_feed_forward_leaves_out_what_is_not_read(doubling: Stack) -> None:
    x = torch.tensor([[[1.0], [10.0], [100.0]]])
    with doubling.reading(2, torch.tensor([2, 0])):
        assert passed(doubling, x) == [9.0, 30.0, 900.0]  # 30: it passed one feed-forward of two
    with doubling.reading(1, torch.tensor([1])):
        assert passed(doubling, x) == [3.0, 90.0, 300.0]
    assert passed(doubling, x) == [9.0, 90.0, 900.0]


def test_a_left_out_token_has_a_gradient_through_the_rest_alone(doubling: Stack) -> None:
    x = torch.ones(1, 3, 1, requires_grad=True)
    with doubling.reading(2, torch.tensor([1])):
        doubling.layers[1](x).sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [1.0, 3.0, 1.0]
    weight = doubling.layers[1].mlp.weight.grad
    assert weight.tolist() == [[1.0]]  # 3 if all had passed


def test_a_layer_that_is_computed_again_leaves_out_the_same(doubling: Stack) -> None:
    doubling.recompute(Switch())
    x = torch.ones(1, 3, 1, requires_grad=True)
    with doubling.reading(2, torch.tensor([1])):
        out = doubling.layers[1](doubling.layers[0](x))
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [3.0, 9.0, 3.0]
    assert doubling.layers[1].mlp.forward.places is None


def test_what_gives_more_than_hidden_states_is_never_narrowed() -> None:
    class Routed(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    layer = nn.Module()
    layer.mlp = Routed()
    layer.forward = lambda hidden_states: layer.mlp(hidden_states)[0]  # type: ignore[method-assign]
    stack = Stack(nn.ModuleList([layer]))
    with stack.watched():
        layer(torch.ones(1, 2, 1))
    assert not isinstance(layer.mlp.forward, Narrowed)
    with stack.reading(1, torch.tensor([0])):
        assert passed(stack, torch.ones(1, 2, 1)) == [1.0, 1.0]
