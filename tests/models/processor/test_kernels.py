"""Compiled kernels: the plain functions' numbers, only where that pays, and no silent way back."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from rather.errors import EnvironmentFault
from rather.models.fused import ACTIVATIONS, _norm, _norm_gradient
from rather.models.packed.weights import (
    _gradient,
    _joint_gradient,
    _joint_softmax,
    _softmax,
)
from rather.models.processor import kernels
from rather.models.processor.kernels import Kernel, compiled, kernel, why_plain
from rather.models.token_logprobs import _weights

BIG, SMALL = (512, 512), (8, 8)


@pytest.fixture
def called() -> list[str]:
    """Which of the two was called."""
    return []


@pytest.fixture
def double(called: list[str]) -> Kernel[[Tensor], Tensor]:
    """With a stand-in for what the compiler makes."""

    @kernel
    def double(x: Tensor) -> Tensor:
        called.append("plain")
        return 2 * x

    def joined(x: Tensor) -> Tensor:
        called.append("joined")
        return 2 * x

    double.__dict__["joined"] = joined
    return double


@pytest.fixture(autouse=True)
def _folder_as_before() -> Iterator[None]:
    before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    yield
    if before is not None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = before


def test_large_tensors_alone_are_worth_it(
    double: Kernel[[Tensor], Tensor], called: list[str], tmp_path: Path
) -> None:
    double(torch.ones(BIG))
    with compiled(tmp_path):
        double(torch.ones(BIG))
        double(torch.ones(SMALL))
        with torch.inference_mode():  # decoding: few tokens at a time, and other guards
            double(torch.ones(BIG))
    double(torch.ones(BIG))
    assert called == ["plain", "joined", "plain", "plain", "plain"]


def test_the_folder_is_this_users_alone(tmp_path: Path) -> None:
    with compiled(tmp_path / "kernels"):
        assert (tmp_path / "kernels").stat().st_mode & 0o777 == 0o700


def test_a_compiler_that_fails_is_told_of(tmp_path: Path) -> None:
    @kernel
    def triple(x: Tensor) -> Tensor:
        return 3 * x

    from torch._inductor import config

    with (
        config.patch({"cpp.cxx": (None, str(tmp_path / "no-compiler"))}),
        compiled(tmp_path / "kernels"),
        pytest.raises(EnvironmentFault, match=r"C\+\+ compiler.*compile_kernels: false"),
    ):
        triple(torch.ones(BIG))


def test_a_machine_without_a_compiler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels.shutil, "which", lambda name: None)
    why_plain.cache_clear()
    assert why_plain() == "this machine has no C++ compiler (g++)"
    why_plain.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_compiled_kernels_give_the_plain_numbers(dtype: torch.dtype, tmp_path: Path) -> None:
    """Within one rounding of the precision, of every kernel there is."""
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(dtype)

    x, grad, scale = some(500, 576), some(500, 576), torch.rand(576, generator=generator)
    inverse = _norm.plain(x, scale, 1e-5)[1]
    calls = [(_norm, (x, scale, 1e-5)), (_norm_gradient, (x, scale, inverse, grad))]
    for act in ACTIVATIONS.values():
        calls += [(act.product, (x, grad)), (act.gradients, (x, grad, some(500, 576)))]
    largest = torch.linspace(-1, 20, 30)
    calls += [(_weights, (3 * some(30, 9000), largest, 0.7, dtype))]
    mask = torch.zeros(96, 150).masked_fill_(torch.ones(96, 150).triu(9) > 0, -torch.inf).to(dtype)
    on_prompt, own, of_prompt = some(2, 6, 96, 70), some(2, 6, 96, 150), mask[None, None, :, 80:]
    of_prompt = of_prompt.clamp(min=-1).repeat(2, 1, 1, 1)
    for kept in (dtype, torch.bfloat16):
        calls += [(_softmax, (3 * some(12, 96, 150), mask, 0.3, kept))]
        joint = 3 * on_prompt, 3 * own, of_prompt, mask, 0.3, kept
        calls += [(_joint_softmax, joint)]
        shares = _joint_softmax.plain(*joint)[1]
        calls += [(_joint_gradient, (*shares, on_prompt, own, 0.3))]
        calls += [(_gradient, (shares[1], own, 0.3))]
    with compiled(tmp_path):
        for one, given in calls:
            made, plain = one(*given), one.plain(*given)
            for a, b in zip(tree_leaves(made), tree_leaves(plain), strict=True):
                eps = torch.finfo(b.dtype).eps
                # sums may be added up in another order
                roundings = 4 if b.ndim > 1 else 16
                torch.testing.assert_close(a, b, atol=16 * eps, rtol=roundings * eps)


@pytest.mark.slow
def test_another_form_for_the_compiler(called: list[str], tmp_path: Path) -> None:
    @kernel
    def double(x: Tensor) -> Tensor:
        called.append("plain")
        return 2 * x

    @double.when_joined
    def twice(x: Tensor) -> Tensor:
        return x + x

    with compiled(tmp_path):
        assert torch.equal(double(torch.ones(BIG)), twice(torch.ones(BIG)))
        assert not called
        double(torch.ones(SMALL))
    assert called == ["plain"]


@pytest.mark.slow
def test_nothing_is_pickled(tmp_path: Path) -> None:
    @kernel
    def fourfold(x: Tensor) -> Tensor:
        return 4 * x

    with compiled(tmp_path):
        assert fourfold(torch.ones(BIG)).sum() == 4 * 512 * 512
    kinds = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert ".so" in kinds
    assert not any((tmp_path / name).exists() for name in ("fxgraph", "aotautograd"))
