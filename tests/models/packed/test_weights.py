"""Attention weights by hand, and in float32 where the processor is faster at that."""

from math import log

import pytest
import torch
from torch import Tensor

from rather.data.batch import Row, pack
from rather.models.attention import Style
from rather.models.packed import weights
from rather.models.packed.layout import PackedLayout
from rather.models.processor import products

LONG = pack(
    [Row(tuple(range(5, 65)), (tuple(range(40)), tuple(range(30)))), Row((7,) * 9, ((3,),))]
)
"""140 tokens."""


def some(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def looks(dtype: torch.dtype) -> list[Tensor]:
    """What attention gives for the long batch, and its gradients."""
    q, k, v, grad = (
        some(seed, LONG.num_tokens, heads, 8).bfloat16().to(dtype)
        for seed, heads in enumerate([4, 2, 2, 4])
    )
    sides = [x.requires_grad_() for x in (q, k, v)]
    out = PackedLayout(LONG).attend(0, *sides, Style(0.3))
    out.backward(grad)
    return [out.detach(), *(x.grad for x in sides if x.grad is not None)]


def distances(found: list[Tensor], exact: list[Tensor]) -> list[float]:
    pairs = zip(found, exact, strict=True)
    return [float((one.float() - other).norm() / other.norm()) for one, other in pairs]


def test_a_completion_shares_one_between_its_prompt_and_itself() -> None:
    # the completion's token sees keys ln 2, 0 (prompt) and ln 5 (itself): shares 2, 1 and 5 of 8
    layout = PackedLayout(pack([Row((5, 6), ((7,),))]))
    keys = torch.tensor([log(2), 0.0, log(5)]).view(3, 1, 1)
    out = layout.attend(0, torch.ones(3, 1, 1), keys, torch.eye(3)[:, None], Style(1.0))
    assert out[2, 0].tolist() == pytest.approx([2 / 8, 1 / 8, 5 / 8])


def test_gradients_by_hand() -> None:
    # of the first share of the case above: ∂s = w₁·(1 − w₁), −w₁·w₂, −w₁·w₃ = 12, −2 and −10 of 64
    layout = PackedLayout(pack([Row((5, 6), ((7,),))]))
    keys = torch.tensor([log(2), 0.0, log(5)]).view(3, 1, 1).requires_grad_()
    queries = torch.ones(3, 1, 1).requires_grad_()
    out = layout.attend(0, queries, keys, torch.eye(3)[:, None], Style(1.0))
    out[2, 0, 0].backward()
    assert keys.grad is not None
    assert keys.grad.flatten().tolist() == pytest.approx([12 / 64, -2 / 64, -10 / 64])
    assert queries.grad is not None  # only the completion's own asked: Σ ∂s·k
    expected = [0, 0, (12 * log(2) - 10 * log(5)) / 64]
    assert queries.grad.flatten().tolist() == pytest.approx(expected, abs=1e-7)


def test_in_float32_it_is_nearer_to_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = looks(torch.float32)
    monkeypatch.setattr(products, "prefers_float32", lambda: False)
    rounded_often = distances(looks(torch.bfloat16), exact)
    monkeypatch.setattr(products, "prefers_float32", lambda: True)
    found = looks(torch.bfloat16)
    assert all(one.dtype == torch.bfloat16 for one in found)
    for wide, narrow in zip(distances(found, exact), rounded_often, strict=True):
        assert wide < 0.8 * narrow
        assert wide < 2**-8


@pytest.mark.parametrize("prefers", [True, False])
def test_weights_made_again_are_those_that_were_kept(
    prefers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "prefers_float32", lambda: prefers)
    kept = looks(torch.bfloat16)
    monkeypatch.setattr(weights, "LARGE", 0)
    for one, other in zip(kept, looks(torch.bfloat16), strict=True):
        assert torch.equal(one, other)


def test_without_a_gradient_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "prefers_float32", lambda: True)
    q, k, v = (some(s, LONG.num_tokens, h, 8).bfloat16() for s, h in enumerate([4, 2, 2]))
    with torch.no_grad():
        alone = PackedLayout(LONG).attend(0, q, k, v, Style(0.3))
    assert torch.equal(PackedLayout(LONG).attend(0, q, k, v, Style(0.3)), alone)
