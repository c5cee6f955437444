"""The gradient made in the forward pass is the one autograd makes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rather.models import token_logprobs as room
from rather.models.backbone import Backbone
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
