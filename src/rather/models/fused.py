"""Root-mean-square norms and gated feed-forwards with their gradients written out.

A decoder spends more time on their many small steps than on its matrix products. Modules of
transformers that compute exactly these formulas (a probe at load says whether they do) get another
`forward`; all others, and weights that learn themselves, are left as they are.

    norm(x) = x / √(mean(x²) + ε) ⊙ w            Zhang & Sennrich 2019, Eq. 4,
                                                 https://arxiv.org/abs/1910.07467
    gated(x) = (f(x·W_gᵀ) ⊙ (x·W_uᵀ))·W_dᵀ       Shazeer 2020, Eq. 6,
                                                 https://arxiv.org/abs/2002.05202
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rather.models.affine import Affine
from rather.models.lora import affine
from rather.models.processor import products
from rather.models.processor.kernels import Kernel, kernel

aten = torch.ops.aten
PROBE_ROWS = 4


class Gate(NamedTuple):
    """How a feed-forward is gated."""

    product: Kernel[[Tensor, Tensor], Tensor]
    """f(gated) ⊙ lifted."""
    gradients: Kernel[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
    """Of (gated, lifted, the product's gradient): the product once more, the gradients of lifted
    and of gated."""


def _gate(value: Callable[[Tensor], Tensor], slope: Callable[[Tensor, Tensor], Tensor]) -> Gate:
    """By a function and its gradient, of (the gradient of its value, its argument)."""

    def product(gated: Tensor, lifted: Tensor) -> Tensor:
        return value(gated).mul_(lifted)

    def gradients(gated: Tensor, lifted: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        made = value(gated)
        return made * lifted, made * grad, slope(grad * lifted, gated)

    return Gate(kernel(product), kernel(gradients))


SILU = _gate(nn.functional.silu, aten.silu_backward)
ACTIVATIONS = {
    "silu": SILU,
    "swish": SILU,
    "gelu_pytorch_tanh": _gate(
        lambda x: nn.functional.gelu(x, approximate="tanh"),
        lambda grad, x: aten.gelu_backward(grad, x, approximate="tanh"),
    ),
}


def fuse(decoder: nn.Module) -> None:
    """Give a decoder's norms and feed-forwards their faster forward, where a probe allows it."""
    activation = getattr(decoder.config, "hidden_activation", None) or getattr(
        decoder.config, "hidden_act", None
    )
    for module in decoder.modules():
        candidates: list[Any] = []
        if type(module).__name__.endswith("RMSNorm") and isinstance(module.weight, nn.Parameter):
            candidates = [FastNorm(module, offset) for offset in (0.0, 1.0)]
        elif _is_gated(module) and activation in ACTIVATIONS:
            candidates = [FastGated(module, ACTIVATIONS[activation])]
        for fast in candidates:
            if _computes_the_same(module, fast):
                module.forward = fast
                break


@dataclass
class FastNorm:
    """A norm's forward; some architectures keep w − 1 as its weight (`offset` 1)."""

    module: nn.Module
    offset: float

    def __call__(self, x: Tensor) -> Tensor:
        """[..., d] -> [..., d]."""
        weight: Tensor = self.module.weight  # type: ignore[assignment]
        scale = weight.float() + self.offset if self.offset else weight.float()
        if torch.is_grad_enabled():
            made: Tensor = _Norm.apply(x, scale, self.epsilon)  # type: ignore[no-untyped-call]
            return made
        return _norm(x, scale, self.epsilon)[0]

    @property
    def epsilon(self) -> float:
        """What keeps a row of zeros finite."""
        found = getattr(self.module, "variance_epsilon", None)
        return float(self.module.eps if found is None else found)  # type: ignore[arg-type]

    @property
    def width(self) -> int:
        """Numbers a row that it expects."""
        return int(self.module.weight.shape[0])  # type: ignore[index]


@kernel
def _norm(x: Tensor, scale: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """In float32, rounded once: the normed rows and 1 / √(mean(x²) + ε) [..., 1]."""
    wide = x.float()
    inverse = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_()
    inverse = inverse.div_(x.shape[-1]).add_(epsilon).rsqrt_()
    return (wide * inverse).mul_(scale).to(x.dtype), inverse


@kernel
def _norm_gradient(x: Tensor, scale: Tensor, inverse: Tensor, grad: Tensor) -> Tensor:
    """∂x: with u = x·i, i = 1/√(mean(x²) + ε) and ∂u = ∂out ⊙ w: i·(∂u − u·mean(∂u ⊙ u))."""
    unit, grad_unit = x.float() * inverse, grad.float() * scale
    along = (grad_unit * unit).mean(dim=-1, keepdim=True)
    return grad_unit.addcmul_(unit, along, value=-1).mul_(inverse).to(x.dtype)


class _Norm(torch.autograd.Function):
    """A norm with the gradient of its weight where that learns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, epsilon: float) -> Tensor:
        out, inverse = _norm(x, scale, epsilon)
        ctx.save_for_backward(x, scale, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, scale, inverse = ctx.saved_tensors
        grad_scale = None
        if ctx.needs_input_grad[1]:
            grad_scale = (grads[0].float() * (x.float() * inverse)).flatten(0, -2).sum(dim=0)
        return _norm_gradient(x, scale, inverse, grads[0]), grad_scale, None


@dataclass
class FastGated:
    """A gated feed-forward's forward."""

    module: nn.Module
    act: Gate

    def __call__(self, x: Tensor) -> Tensor:
        """[..., d] -> [..., d]."""
        layers = [getattr(self.module, name) for name in ("gate_proj", "up_proj", "down_proj")]
        if not torch.is_grad_enabled():
            gate, up, down = layers
            out: Tensor = down(self.act.product(gate(x), up(x)))
            return out
        parts = [affine(layer, x.dtype) for layer in layers]
        if any(part.learns for part in parts):
            original: Tensor = type(self.module).forward(self.module, x)
            return original
        learnt = [side for part in parts for side in (part.a, part.b)]
        flat = x.reshape(-1, x.shape[-1])
        made: Tensor = _Gated.apply(flat, self.act, parts, *learnt)  # type: ignore[no-untyped-call]
        return made.view_as(x)

    @property
    def width(self) -> int:
        """Numbers a row that it expects."""
        return int(self.module.gate_proj.in_features)  # type: ignore[union-attr, arg-type]


class _Gated(torch.autograd.Function):
    """Keeps what the two products give; the gate's value is made again in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, act: Gate, parts: list[Affine], *learnt: Tensor | None
    ) -> Tensor:
        gate, up, down = parts
        (gated, gate_low), (lifted, up_low) = gate(x), up(x)
        out, down_low = down(act.product(gated, lifted))
        ctx.act, ctx.parts = act, parts
        ctx.save_for_backward(x, gated, lifted, gate_low, up_low, down_low)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gated, lifted, gate_low, up_low, down_low = ctx.saved_tensors
        gate, up, down = ctx.parts
        kind = products.precision(x)
        grad = products.put("grad", grads[0], kind)
        grad_low = down.low_gradient(grad)
        grad_hidden = down.input_gradient(grad, grad_low).to(x.dtype)
        hidden, grad_lifted, grad_gated = ctx.act.gradients(gated, lifted, grad_hidden)
        of_down = down.side_gradients(grad, grad_low, hidden, down_low)
        wanted = ctx.needs_input_grad[0]
        grad_x, *of_up = up.gradients(
            products.put("grad", grad_lifted, kind), x, up_low, wanted=wanted
        )
        grad_x, *of_gate = gate.gradients(
            products.put("grad", grad_gated, kind), x, gate_low, add_to=grad_x, wanted=wanted
        )
        made = (grad_x, None, None, *of_gate, *of_up, *of_down)
        return tuple(None if one is None else one.to(x.dtype) for one in made)


def _is_gated(module: nn.Module) -> bool:
    names = ("gate_proj", "up_proj", "down_proj")
    return all(isinstance(getattr(module, name, None), nn.Linear) for name in names) and not any(
        isinstance(child, nn.Dropout) for child in module.children()
    )


@torch.no_grad()
def _computes_the_same(module: nn.Module, fast: FastNorm | FastGated) -> bool:
    """Whether the fast forward gives the module's own numbers, to its precision."""
    parameter = next(module.parameters())
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(PROBE_ROWS, fast.width, generator=generator).to(parameter)
    original, found = type(module).forward(module, x), fast(x)
    tolerance = 8 * torch.finfo(parameter.dtype).eps
    return bool((found - original).abs().max() <= tolerance * original.abs().max().clamp(min=1e-6))
