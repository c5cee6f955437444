"""The face to transformers, and what a layer's style means, by hand."""

import pytest
import torch
from torch import nn

from rather.errors import UsageError
from rather.models.attention import AskedLayers, Style, packed_attention


def test_the_weights_of_a_style_by_hand() -> None:
    # scores (0, ln 3) scaled by ½: odds 1 to √3, shares 0.366025 and 0.633975
    scores, every = torch.tensor([0.0, 1.0986123]), torch.tensor([True, True])
    assert Style(0.5).weights(scores, every).tolist() == pytest.approx(
        [0.366025, 0.633975], abs=1e-5
    )
    # capped at 1: tanh(1.0986123) = 0.8, odds 1 to e^0.8 = 2.225541
    capped = Style(1.0, softcap=1.0).weights(scores, every)
    assert capped.tolist() == pytest.approx([0.310026, 0.689974], abs=1e-5)
    only = Style(1.0).weights(scores, torch.tensor([True, False]))
    assert only.tolist() == [1.0, 0.0]


def test_what_a_query_sees_by_distance() -> None:
    positions = torch.arange(4)
    causal = Style(1.0).sees(positions[:, None], positions)
    assert causal.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    window = Style(1.0, sliding_window=2).sees(positions[:, None], positions)
    assert window.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize("extra", [{"layout": None}, {"s_aux": 1}, {"attention_mask": 1}])
def test_a_model_that_asks_for_more_is_refused(extra: dict[str, int | None]) -> None:
    module = nn.Linear(1, 1)
    tensors = [torch.zeros(1, 1, 1, 1)] * 3
    call = {"attention_mask": None, "layout": AskedLayers(), **extra}
    with pytest.raises(UsageError, match="Linear has its own masks or attention sinks"):
        packed_attention(module, *tensors, **call)  # type: ignore[arg-type]
