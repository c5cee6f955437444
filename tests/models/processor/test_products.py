"""Products of bfloat16 numbers in float32: where, and that they are the same numbers."""

import pytest
import torch
from torch import Tensor

from rather.models.processor import products
from rather.models.processor.products import (
    ROWS,
    SLICE,
    many_outputs,
    of_part,
    parts,
    parts_of,
    precision,
)


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
def test_parts_and_the_way_back_are_not_rounded(outputs: int) -> None:
    x, weight = whole_numbers(ROWS, 8, seed=0), whole_numbers(outputs, 8, seed=1)
    short = weight.bfloat16()
    made = [(part, one.clone()) for part, one in parts_of(x.bfloat16(), short)]
    assert [part for part, _ in made] == list(parts(weight))
    assert torch.equal(torch.cat([one for _, one in made], dim=1).long(), x @ weight.t())
    back = sum(of_part(one, short[part]).clone() for part, one in made)
    assert torch.equal(back.long(), (x @ weight.t()) @ weight)  # some thousands, to the last one


@pytest.mark.usefixtures("wide")
def test_a_bias_is_added_before_rounding() -> None:
    x = torch.tensor([256, 0.6015625]).bfloat16().expand(ROWS, 2)
    made = many_outputs(x, torch.ones(1, 2).bfloat16(), torch.tensor([0.6015625]).bfloat16())
    # 257.2 lies nearer to 258 than to 256; rounded before, 256.6 and 256.6 again would be 256
    assert made[0].item() == 258
