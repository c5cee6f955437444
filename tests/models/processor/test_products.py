"""Products of bfloat16 numbers in float32: where, and that they are the same numbers."""

import pytest
import torch
from torch import Tensor

from rather.models.processor import products
from rather.models.processor.products import ROWS, SLICE, many_inputs, many_outputs, precision


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is faster in float32."""
    monkeypatch.setattr(products, "prefers_float32", lambda: True)


def whole_numbers(*shape: int, seed: int) -> Tensor:
    """From -2 to 2, so that sums of few are exact in bfloat16."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, shape, generator=generator)


@pytest.mark.parametrize(
    ("seconds", "prefers"),
    [
        ({torch.bfloat16: 1.7, torch.float32: 1.0}, True),
        ({torch.bfloat16: 1.2, torch.float32: 1.0}, False),
    ],
)
def test_what_is_clearly_faster_is_preferred(
    seconds: dict[torch.dtype, float], prefers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_seconds", lambda: seconds)
    assert products.prefers_float32.__wrapped__() is prefers


def test_this_processor_is_tried_once() -> None:
    products.prefers_float32.cache_clear()
    first = products.prefers_float32()
    assert products.prefers_float32() is first
    assert products.prefers_float32.cache_info().misses == 1
    assert min(products._seconds().values()) > 0


@pytest.mark.usefixtures("wide")
def test_many_rows_of_bfloat16_are_put_into_float32() -> None:
    many, few = torch.zeros(ROWS, 2), torch.zeros(ROWS - 1, 2)
    assert precision(many.bfloat16()) == torch.float32
    assert precision(few.bfloat16()) == torch.bfloat16
    assert precision(many) == torch.float32
    assert precision(many.half()) == torch.float16


def test_elsewhere_numbers_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "prefers_float32", lambda: False)
    assert precision(torch.zeros(ROWS, 2).bfloat16()) == torch.bfloat16


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("outputs", [3, SLICE, SLICE + 5])
def test_wide_layers_are_computed_in_parts(outputs: int) -> None:
    x, weight = whole_numbers(ROWS, 8, seed=0), whole_numbers(outputs, 8, seed=1)
    made = many_outputs(x.bfloat16(), weight.bfloat16())
    assert made.dtype == torch.bfloat16
    assert torch.equal(made.long(), x @ weight.t())  # at most 8·2·2 = 32: exact


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("outputs", [3, SLICE, SLICE + 5])
def test_the_way_back_adds_the_parts_up(outputs: int) -> None:
    x, weight = whole_numbers(ROWS, outputs, seed=0), whole_numbers(outputs, 8, seed=1)
    made = many_inputs(x.bfloat16(), weight.bfloat16())
    # sums of some thousands are rounded once, to eight binary digits
    assert torch.equal(made, (x @ weight).float().bfloat16())
