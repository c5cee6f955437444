"""Rows of several adapters in one product: each gets its own adapter's addition and no other's."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rather.models.decode import additions, blocks
from rather.models.decode.additions import Additions, Sides, Strangers
from rather.models.decode.blocks import Blocks
from rather.models.lora import LoraLinear, Switch


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def layers(switch: Switch) -> list[nn.Module]:
    """Two layers of 3 and 2 outputs that read 4 numbers; adapters one (both), two (first only)."""
    generator = torch.Generator().manual_seed(0)
    made: list[nn.Module] = []
    for width, names in ((3, ("one", "two")), (2, ("one",))):
        layer = LoraLinear(nn.Linear(4, width), switch)
        for rank, name in enumerate(names, start=1):
            a = torch.randn(rank, 4, generator=generator)
            layer.attach(name, a, torch.randn(width, rank, generator=generator), 0.5)
        made.append(layer)
    return made


def addition(layer: nn.Module, name: str, x: Tensor) -> Tensor:
    """By the formula: x·Aᵀ·Bᵀ·scale, zero where the layer has no such adapter."""
    assert isinstance(layer, LoraLinear)
    if name not in layer.a:
        return torch.zeros(len(x), layer.base.weight.shape[0])  # type: ignore[arg-type, index]
    return x @ layer.a[name].t() @ layer.b[name].t() * layer.scale[name]


ROWS = {"one": torch.tensor([0, 3]), "two": torch.tensor([2])}


@pytest.mark.parametrize("rows", [ROWS, {"two": torch.tensor([1, 2])}])
def test_in_blocks_too(
    switch: Switch,
    layers: list[nn.Module],
    rows: dict[str, Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "ROWS", 2)
    x, out = torch.randn(5, 4), torch.zeros(5, 5)
    switch.rows = rows
    with torch.no_grad():
        Additions(layers, (3, 2), Strangers(), Blocks()).add_to(out, x)
        for name, own in rows.items():
            expected = torch.cat([addition(layer, name, x[own]) for layer in layers], dim=1)
            torch.testing.assert_close(out[own], expected)
    others = [row for row in range(5) if all(row not in own for own in rows.values())]
    assert torch.equal(out[others], torch.zeros(len(others), 5))


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="no products in bfloat16 here"
)
def test_in_bfloat16_a_row_s_addition_is_the_same_beside_others(switch: Switch) -> None:
    """32 rows of four adapters of rank 16 and 8, and each row by itself: 2 million numbers."""
    generator = torch.Generator().manual_seed(0)
    layer, names = LoraLinear(nn.Linear(576, 3072, dtype=torch.bfloat16), switch), "abcd"
    for rank, name in zip((16, 8, 16, 16), names, strict=True):
        a = torch.randn(rank, 576, generator=generator)
        layer.attach(name, a, torch.randn(3072, rank, generator=generator), 0.5)
    together, alone = (Additions([layer], (3072,), Strangers(), Blocks()) for _ in range(2))
    rows = {name: torch.arange(place, 32, 4) for place, name in enumerate(names)}
    for _ in range(20):
        x = torch.randn(32, 576, generator=generator).bfloat16()
        before = torch.randn(32, 3072, generator=generator).bfloat16()
        out = before.clone()
        switch.rows = rows
        together.add_to(out, x)
        for row in range(32):
            switch.rows = {names[row % 4]: torch.tensor([0])}
            own = before[row : row + 1].clone()
            alone.add_to(own, x[row : row + 1])
            assert torch.equal(own[0], out[row])


def test_ranks_that_add_nothing_stand_behind() -> None:
    sides = Sides(torch.ones(3, 4), torch.ones(5, 3), ("one",), (3,)).on_multiple_of(8)
    assert (sides.a.shape, sides.b.shape, sides.ranks) == ((8, 4), (5, 8), (3,))
    assert torch.equal(sides.b @ sides.a, torch.full((5, 4), 3.0))


@pytest.mark.parametrize("few_rows", [256, 0])
def test_each_row_gets_its_own(
    switch: Switch,
    layers: list[nn.Module],
    few_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(additions, "FEW_ROWS", few_rows)
    x, out = torch.randn(5, 4), torch.zeros(5, 5)
    switch.rows = ROWS
    with torch.no_grad():
        Additions(layers, (3, 2), Strangers()).add_to(out, x)
        for name, rows in ROWS.items():
            expected = torch.cat([addition(layer, name, x[rows]) for layer in layers], dim=1)
            torch.testing.assert_close(out[rows], expected)
    assert torch.equal(out[[1, 4]], torch.zeros(2, 5))


def test_a_strangers_overflow_touches_nobody_else(switch: Switch, layers: list[nn.Module]) -> None:
    first = layers[0]
    assert isinstance(first, LoraLinear)
    with torch.no_grad():
        first.a["two"].fill_(3e38)
        x, out = torch.full((5, 4), 9.0), torch.zeros(5, 5)
        switch.rows = ROWS
        Additions(layers, (3, 2), Strangers()).add_to(out, x)
    assert torch.isfinite(out[[0, 1, 3, 4]]).all()


def test_strangers_are_told_by_their_columns() -> None:
    sides = Sides(torch.zeros(3, 4), torch.zeros(5, 3), ("one", "two"), (2, 1))
    made = Strangers().of({"two": torch.tensor([1])}, sides, 2)
    # nobody asked for "one", row 0 has no adapter, row 1 has the last column
    assert made.tolist() == [[True, True, True], [True, True, False]]


def test_what_was_put_together_serves_fewer_and_not_more(
    switch: Switch, layers: list[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real: Callable[..., Tensor] = torch.cat

    def counted(parts: list[Tensor], dim: int = 0) -> Tensor:
        made.append(dim)
        return real(parts, dim=dim)

    both = Additions(layers, (3, 2), Strangers())
    x = torch.randn(5, 4)
    with torch.no_grad():
        switch.rows = ROWS
        both.add_to(torch.zeros(5, 5), x)
        monkeypatch.setattr(additions.torch, "cat", counted)
        switch.rows = dict(ROWS)
        both.add_to(torch.zeros(5, 5), x)
        assert made == []
        again = Additions(layers, (3, 2), Strangers())
        again.keep(both)
        again.add_to(torch.zeros(5, 5), x)
        assert made == []
        for layer in layers:
            assert isinstance(layer, LoraLinear)
            if "two" in layer.a:
                layer.remove("two")
        fresh = Additions(layers, (3, 2), Strangers())
        fresh.keep(both)
        fresh.add_to(torch.zeros(5, 5), x)
        assert made == []  # one is left, and known


def bytes_of(made: Additions) -> int:
    """Memory of all that was made of adapters, what several have in common counted once."""
    kept = [tensor for sides in made._sides.values() for tensor in (sides.a, sides.b)]
    return sum(
        {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in kept}.values()
    )


def test_each_adapter_is_in_memory_once(switch: Switch, layers: list[nn.Module]) -> None:
    """One has 2 ranks (1 a layer), two has 2: (4 inputs + 5 outputs)·4 bytes for each of them."""
    made, x = Additions(layers, (3, 2), Strangers()), torch.randn(5, 4)
    with torch.no_grad():
        for rows in ({"one": ROWS["one"]}, {"two": ROWS["two"]}, ROWS):
            switch.rows = rows
            made.add_to(torch.zeros(5, 5), x)
    together = made._together
    assert together is not None
    assert bytes_of(made) == 4 * 9 * 4
    assert made._sides["two"].a.data_ptr() > together.a.data_ptr()
    made.forget("one")
    assert bytes_of(made) == 2 * 9 * 4
    switch.rows = {"two": torch.tensor([1])}
    out = torch.zeros(5, 5)
    with torch.no_grad():
        made.add_to(out, x)
        expected = torch.cat([addition(layer, "two", x[[1]]) for layer in layers], dim=1)
    torch.testing.assert_close(out[[1]], expected)
