"""Norms and gated feed-forwards: the same numbers and gradients as transformers' own forwards."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.fused import ACTIVATIONS, FastGated, FastNorm, fuse
from rather.models.layers import Narrowed
from rather.models.lora import LoraShape
from rather.models.roles import Policy

NewModel = Callable[[str], PreTrainedModel]
FUSED = {"llama": (5, 2), "qwen3": (9, 2), "mistral": (5, 2), "gemma2": (9, 2), "gpt2": (0, 0)}
"""Norms and feed-forwards of the tiny models (two layers) that get another forward."""


class Norm(nn.Module):
    """A norm as most architectures write it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x / (x**2).mean(-1, keepdim=True).sqrt()


def fused_modules(backbone: Backbone) -> tuple[int, int]:
    own = [vars(module).get("forward") for module in backbone.decoder.modules()]
    own = [one.forward if isinstance(one, Narrowed) else one for one in own]
    return tuple(sum(isinstance(f, kind) for f in own) for kind in (FastNorm, FastGated))  # type: ignore[return-value]


def original(backbone: Backbone) -> Backbone:
    """The same backbone with transformers' own forwards."""
    for module in backbone.decoder.modules():
        vars(module).pop("forward", None)
    return backbone


def test_a_norm_by_hand() -> None:
    module = Norm(2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([1.0, 2.0]))
    x = torch.tensor([[1.0, 7.0]], requires_grad=True)
    out = FastNorm(module, 0.0)(x)
    # mean of squares 25: (1/5, 7/5·2)
    assert out.tolist() == [pytest.approx([0.2, 2.8])]
    out.backward(torch.tensor([[1.0, 0.0]]))
    # u = (0.2, 1.4): ∂x = (1, 0)/5 − u·(1·0.2/2)/5 = (0.196, −0.028)
    assert x.grad is not None
    assert x.grad.tolist() == [pytest.approx([0.196, -0.028])]
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == pytest.approx([0.2, 0.0])


@pytest.mark.parametrize("family", FUSED)
def test_which_modules_are_fused(family: str, new_model: NewModel) -> None:
    assert fused_modules(Backbone(new_model(family))) == FUSED[family]


def test_a_norm_that_computes_something_else_keeps_its_forward() -> None:
    class OddRMSNorm(Norm):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 0.01

    class PlainRMSNorm(Norm):
        pass

    decoder = nn.Module()
    decoder.odd, decoder.plain = OddRMSNorm(8), PlainRMSNorm(8)
    decoder.config = None  # type: ignore[assignment]
    fuse(decoder)
    assert "forward" not in vars(decoder.odd)
    assert isinstance(vars(decoder.plain)["forward"], FastNorm)


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2"])
@pytest.mark.parametrize("targets", ["all", "some"])
def test_an_adapter_s_gradients_are_those_of_the_own_forwards(
    family: str, targets: str, new_model: NewModel, rows: Sequence[Row]
) -> None:
    def gradients(prepare: Callable[[Backbone], Backbone]) -> dict[str, Tensor]:
        backbone = prepare(Backbone(new_model(family)))
        names = backbone.linear_layers.names
        if targets == "some":
            names = tuple(name for name in names if name.endswith(("q_proj", "up_proj")))
        backbone.add_adapter("a", LoraShape(2, 4.0, names))
        generator = torch.Generator().manual_seed(0)
        for parameter in backbone.adapter_parameters("a").values():
            parameter.data.normal_(0, 0.2, generator=generator)
            parameter.requires_grad_(True)
        Policy(backbone, "a").logprobs(pack(rows)).square().sum().backward()
        return {name: p.grad for name, p in backbone.adapter_parameters("a").items()}  # type: ignore[misc]

    fast, slow = gradients(lambda backbone: backbone), gradients(original)
    assert len(fast) == (28 if targets == "all" else 8)
    for name, grad in slow.items():
        assert grad.abs().max() > 0
        scale = grad.abs().max().item()
        torch.testing.assert_close(fast[name], grad, atol=1e-5 * scale, rtol=0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_gate_and_its_gradients_by_difference(name: str) -> None:
    act = ACTIVATIONS[name]
    x = torch.tensor([-2.0, -0.3, 0.0, 0.7, 3.0], dtype=torch.float64)
    lifted, grad = torch.full_like(x, 2.0), torch.full_like(x, 3.0)
    product, grad_lifted, grad_gated = act.gradients(x, lifted, grad)
    slope = (act.product(x + 1e-5, lifted) - act.product(x - 1e-5, lifted)) / 2e-5
    torch.testing.assert_close(grad_gated, 3 * slope)
    torch.testing.assert_close(product, act.product(x, lifted))
    torch.testing.assert_close(grad_lifted, product * 1.5)  # 3·f(x), and the product is 2·f(x)
    # f(3) of both lies just below 3, and f(0) = 0
    assert product[2] == 0 and 5.6 < product[4] < 6.0


def test_a_copy_that_learns_whole_has_its_own_forwards(new_model: NewModel) -> None:
    """deepcopy must not leave the copy's modules computing with the original's weights."""
    backbone = Backbone(new_model("llama"))
    twin = backbone.trainable_copy()
    with torch.no_grad():
        for parameter in twin.model.parameters():
            parameter.zero_()
        batch = pack([Row((5, 6), ((7,), (8, 9)))])
        assert not twin.hidden(batch, None).any()
        assert backbone.hidden(batch, None).abs().max() > 0.1
