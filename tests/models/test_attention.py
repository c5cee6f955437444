"""The face to transformers, and what a layer's style means, by hand."""

import pytest
import torch
from torch import nn

from rather.models.attention import AskedLayers, CannotPack, Style, packed_attention


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
    with pytest.raises(CannotPack, match="Linear has its own masks or attention sinks"):
        packed_attention(module, *tensors, **call)  # type: ignore[arg-type]
