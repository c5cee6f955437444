"""The gradient made in the forward pass is the one autograd makes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rather.models import token_logprobs as room
from rather.models.backbone import Backbone
from rather.models.library import load_backbone
from rather.models.processor import products
from rather.models.token_logprobs import token_logprobs

IDS = torch.tensor([3, 0, 261, 7, 7, 100])


def states(scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (scale * torch.randn(6, 32, generator=generator)).requires_grad_()


def plain(backbone: Backbone, hidden: Tensor, temperature: float) -> Tensor:
    logits = backbone.logits(hidden) / temperature
    return logits.log_softmax(dim=-1)[torch.arange(6), IDS]


@pytest.mark.parametrize(("chunk", "part"), [(1, 300), (4, 100), (512, 7)])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("family", ["llama", "gemma2", "granite", "full"])
def test_values_and_gradients(
    family: str,
    temperature: float,
    chunk: int,
    part: int,
    new_model: Callable[[str], PreTrainedModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A frozen head, capped logits (gemma2) and a head that learns (full) go different ways."""
    monkeypatch.setattr(room, "CHUNK", chunk)
    monkeypatch.setattr(products, "SLICE", part)
    backbone = Backbone(new_model("llama" if family == "full" else family))
    if family == "full":
        backbone = backbone.trainable_copy()
    assert backbone.head_is_linear_and_frozen == (family == "llama")
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.0, -1.0])
    found, expected = [], []
    for results, compute in (
        (found, lambda h: token_logprobs(backbone, h, IDS, temperature)),
        (expected, lambda h: plain(backbone, h, temperature)),
    ):
        hidden = states()
        backbone.model.zero_grad()
        logprobs = compute(hidden)
        (weights * logprobs).sum().backward()
        results += [logprobs.detach(), hidden.grad]
        if family == "full":
            results.append(backbone.head.weight.grad.clone())  # type: ignore[union-attr, operator]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_without_gradients_nothing_is_kept(tiny_backbone: Backbone) -> None:
    with torch.no_grad():
        found = token_logprobs(tiny_backbone, states(), IDS, 1.0)
    assert not found.requires_grad
    torch.testing.assert_close(found, plain(tiny_backbone, states(), 1.0).detach())


def test_no_logit_is_rounded_where_products_are_made_in_float32(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "prefers_float32", lambda: True)
    monkeypatch.setattr(products, "SLICE", 100)
    half = load_backbone(tiny_model, torch.bfloat16, "cpu")
    generator, count = torch.Generator().manual_seed(1), 3 * products.ROWS
    hidden = (3 * torch.randn(count, half.hidden_size, generator=generator)).bfloat16()
    vocabulary = len(half.head.weight)  # type: ignore[arg-type]
    ids = torch.randint(vocabulary, (count,), generator=generator)
    wide = hidden.double().requires_grad_()
    logits = wide @ half.head.weight.double().t() / 0.7  # type: ignore[operator, union-attr]
    exact = logits.log_softmax(dim=-1)[torch.arange(count), ids]
    exact.sum().backward()  # type: ignore[no-untyped-call]
    hidden.requires_grad_()
    found = token_logprobs(half, hidden, ids, 0.7)
    found.sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-5)
    assert hidden.grad is not None
    # rounded once, to eight binary digits
    torch.testing.assert_close(hidden.grad.double(), wide.grad, atol=1e-5, rtol=2**-8)
    with torch.no_grad():
        assert torch.equal(token_logprobs(half, hidden, ids, 0.7), found)
