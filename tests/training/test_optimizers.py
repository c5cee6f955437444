"""Moments in 8 bits: they lead where those of 32 do, take a quarter, and come back to the bit."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from rather.config.optimization import Optimization
from rather.training.learner import Learner
from rather.training.optimizers import make_optimizer, put_state

TARGET = torch.linspace(-1, 1, 64 * 128).view(64, 128)


def learner(optimizer: str) -> Learner:
    section = Optimization(
        optimizer=optimizer,  # type: ignore[arg-type]
        learning_rate=0.05,
        schedule="constant",
        warmup_fraction=0,
        max_grad_norm=1e6,
    )
    weights = {"large": nn.Parameter(torch.zeros(64, 128)), "small": nn.Parameter(torch.zeros(3))}
    return Learner(weights, section, num_updates=40)


def learn(one: Learner, num_updates: int) -> None:
    for _ in range(num_updates):
        ((one.parameters["large"] - TARGET) ** 2).sum().backward()
        ((one.parameters["small"] - 1.0) ** 2).sum().backward()
        one.update()


def bytes_of_moments(one: Learner) -> int:
    return sum(
        tensor.numel() * tensor.element_size()
        for name, tensor in one.tensors().items()
        if name.startswith("optimizer/") and name.endswith("/large") and "qmap" not in name
    )


def test_eight_bits_lead_where_thirty_two_do_in_a_quarter_of_the_memory() -> None:
    wide, narrow = learner("adamw"), learner("adamw_8bit")
    learn(wide, 40)
    learn(narrow, 40)
    for name, weight in wide.parameters.items():
        assert (narrow.parameters[name] - weight).abs().max() < 0.1, name
    assert (narrow.parameters["large"] - TARGET).abs().mean() < 0.1
    assert bytes_of_moments(narrow) < 0.27 * bytes_of_moments(wide)


def test_eight_bits_of_several_weights_go_through_a_file(tmp_path: Path) -> None:
    section = Optimization(optimizer="adamw_8bit", learning_rate=0.05)
    several = {name: nn.Parameter(torch.zeros(64, 128)) for name in ("one", "other")}
    one = Learner(several, section, num_updates=4)
    sum(((weight - TARGET) ** 2).sum() for weight in several.values()).backward()  # type: ignore[union-attr]
    one.update()
    save_file(one.tensors(), tmp_path / "kept.safetensors")
    found = load_file(tmp_path / "kept.safetensors")
    assert {"optimizer/qmap1/one", "optimizer/qmap1/other"} < found.keys()
    for name, tensor in one.tensors().items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("optimizer", ["adamw", "adamw_8bit"])
def test_what_was_put_back_goes_on_to_the_bit(optimizer: str) -> None:
    whole, first, second = (learner(optimizer) for _ in range(3))
    learn(whole, 8)
    learn(first, 5)
    second.restore(first.tensors(), first.numbers())
    learn(second, 3)
    found = second.tensors()
    assert found.keys() == whole.tensors().keys() > {"optimizer/step/large"}
    for name, tensor in whole.tensors().items():
        assert torch.equal(found[name], tensor), name


def test_the_count_of_updates_comes_back_where_its_weight_is() -> None:
    """On a GPU the optimizer refuses one that is not; a device without memory shows it here."""
    weight = nn.Parameter(torch.zeros(3, device="meta"))
    optimizer = make_optimizer(Optimization(learning_rate=0.05), [{"params": [weight]}])
    put_state(optimizer, weight, {"step": torch.tensor(3.0)})
    assert optimizer.state[weight]["step"].device == weight.device
