"""Packed attention is transformers' own attention, computed together instead of row by row."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.attention import Style
from rather.models.backbone import Backbone
from rather.models.packed import weights as packed_weights
from rather.models.packed.layout import PackedLayout
from rather.models.roles import Policy
from tests.models.conftest import FAMILIES

NewModel = Callable[[str], PreTrainedModel]
Separate = Callable[[PreTrainedModel, Sequence[Row]], list[Tensor]]


def test_every_family_that_matters_is_tried() -> None:
    promised = {"llama", "qwen2", "qwen3", "mistral", "gemma2", "gpt_neox", "gpt2"}
    assert promised <= set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_is_what_transformers_computes_alone(
    family: str, new_model: NewModel, rows: list[Row], separate_logprobs: Separate
) -> None:
    with torch.no_grad():
        expected = separate_logprobs(new_model(family), rows)
        packed = Policy(Backbone(new_model(family))).logprobs(pack(rows))
    for found, alone in zip(packed, expected, strict=True):
        torch.testing.assert_close(found[: len(alone)], alone, atol=2e-5, rtol=0)
        assert not found[len(alone) :].any()


@pytest.mark.parametrize("family", ["mistral", "gemma2"])
def test_the_sliding_window_is_seen(
    family: str, new_model: NewModel, rows: list[Row], separate_logprobs: Separate
) -> None:
    """A window as long as the text gives other numbers, so the test above does test windows."""
    wide = new_model(family)
    for module in wide.modules():
        if getattr(module, "sliding_window", None):
            module.sliding_window = 100
    wide.config.sliding_window = 100
    with torch.no_grad():
        narrow = separate_logprobs(new_model(family), rows)
        found = Policy(Backbone(wide)).logprobs(pack(rows))
    assert (found[0, : len(narrow[0])] - narrow[0]).abs().max() > 1e-2


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2", "gpt2"])
def test_gradients_are_those_of_separate_passes(
    family: str, new_model: NewModel, rows: list[Row], separate_logprobs: Separate
) -> None:
    plain = new_model(family)
    torch.stack([part.sum() for part in separate_logprobs(plain, rows)]).sum().backward()
    trained = Backbone(new_model(family)).trainable_copy()
    Policy(trained).logprobs(pack(rows)).sum().backward()
    own = dict(trained.model.named_parameters())
    checked = 0
    for name, parameter in plain.named_parameters():
        if parameter.grad is None:
            continue
        assert own[name].grad is not None
        torch.testing.assert_close(own[name].grad, parameter.grad, atol=2e-4, rtol=2e-3)
        checked += 1
    assert checked == len(own)


def test_weights_made_again_give_the_same_gradients(
    new_model: NewModel, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for large in (1 << 40, 0):
        monkeypatch.setattr(packed_weights, "LARGE", large)
        model = new_model("llama")
        backbone = Backbone(model)
        model.requires_grad_(True)
        Policy(backbone).logprobs(pack(rows)).sum().backward()
        found.append({name: p.grad for name, p in model.named_parameters()})
    kept, made_again = found
    assert len(kept) > 10
    for name, grad in kept.items():
        assert grad is not None
        assert torch.equal(grad, made_again[name]), name  # type: ignore[arg-type]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_neighbours_order_and_padding_change_nothing(
    family: str, new_model: NewModel, rows: list[Row]
) -> None:
    policy = Policy(Backbone(new_model(family)))
    with torch.no_grad():
        together = policy.logprobs(pack(rows))
        backwards = policy.logprobs(pack(rows[::-1]))
        long = Row((5,) * 40, ((6,) * 30,))  # makes everybody else's padding long
        beside = policy.logprobs(pack([long, *rows]))
    # completions lie row by row: 3, 1, 2; backwards 2, 1, 3
    order = [3, 4, 5, 2, 0, 1]
    torch.testing.assert_close(backwards[order], together, atol=1e-5, rtol=0)
    torch.testing.assert_close(beside[1:, : together.shape[1]], together, atol=1e-5, rtol=0)
    assert not beside[1:, together.shape[1] :].any()


def shares(style: Style) -> list[list[float]]:
    """What two prompt tokens give to each other, with queries 1 and keys 0 and ln 3."""
    q, k = torch.ones(2, 1, 1), torch.tensor([[[0.0]], [[1.0986123]]])
    layout = PackedLayout(pack([Row((5, 6), ())]))
    return layout.attend(0, q, k, torch.eye(2)[:, None], style)[:, 0].tolist()


def test_the_weights_of_a_style_by_hand() -> None:
    # scores (0, ln 3) scaled by ½: odds 1 to √3, shares 0.366025 and 0.633975
    first, second = shares(Style(0.5))
    assert second == pytest.approx([0.366025, 0.633975], abs=1e-5)
    # capped at 1: tanh(1.0986123) = 0.8, odds 1 to e^0.8 = 2.225541
    capped = shares(Style(1.0, softcap=1.0))[1]
    assert capped == pytest.approx([0.310026, 0.689974], abs=1e-5)
    assert first == [1.0, 0.0]


def test_completions_do_not_see_each_other(new_model: NewModel) -> None:
    policy = Policy(Backbone(new_model("llama")))
    with torch.no_grad():
        one = policy.logprobs(pack([Row((5, 6), ((7, 8), (9, 10, 11)))]))
        other = policy.logprobs(pack([Row((5, 6), ((7, 8), (99, 98, 97)))]))
    torch.testing.assert_close(one[0], other[0], atol=1e-6, rtol=0)
    assert (one[1] - other[1]).abs().min() > 1e-3


def test_a_copy_keeps_the_layout(new_model: NewModel) -> None:
    """deepcopy (as `full` does) must not fall back to the attention it was built with."""
    batch = pack([Row((5, 6), ((7,), (8, 9)))])
    backbone = Backbone(new_model("llama"))
    twin = Backbone(deepcopy(backbone.model))
    with torch.no_grad():
        assert torch.equal(twin.hidden(batch, None), backbone.hidden(batch, None))
