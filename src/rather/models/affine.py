"""What a linear layer with a low-rank addition computes, and its gradients, written out.

What autograd would make of the same formula passes over the wide outputs three times more.
Products with A and B are thin, so that a second thread may be woken in vain (`threads.fit`). Where
float32 is faster (`processor.products`) all are made in it: gradients are then taken and given so,
and rounded by whoever hands them on.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from rather.models.processor import products, threads


@dataclass(frozen=True)
class Affine:
    """x·Wᵀ + bias + l·Bᵀ with l = scale·x·Aᵀ, W frozen, and its gradients.

    Called with x [S, inputs]: ([S, outputs], l [S, r]; None without an adapter).
    """

    layer: nn.Module
    a: Tensor | None = None
    b: Tensor | None = None
    scale: float = 1.0

    @property
    def weight(self) -> Tensor:
        """W, asked of the layer each time: it may be kept smaller than this."""
        weight: Tensor = self.layer.weight  # type: ignore[assignment]
        return weight.t() if isinstance(self.layer, Conv1D) else weight

    @property
    def bias(self) -> Tensor | None:
        """The layer's own."""
        bias: Tensor | None = self.layer.bias  # type: ignore[assignment]
        return bias

    @property
    def learns(self) -> bool:
        """Whether the layer itself learns, and not only its adapter."""
        return any(weight.requires_grad for weight in self.layer.parameters())

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """See the class."""
        kind = products.precision(x)
        rows, weight = products.put("rows", x, kind), products.put("weight", self.weight, kind)
        if kind == x.dtype:
            out = nn.functional.linear(x, weight, self.bias)
        else:
            out = products.widened(rows, weight.t())
            if self.bias is not None:
                out.add_(self.bias)
        if self.a is None or self.b is None:
            return out.to(x.dtype), None
        with threads.fit(x.numel()):
            low = (rows @ self.a.to(kind).t()).mul_(self.scale)
        with threads.fit(out.numel()):
            out.addmm_(low, self.b.to(kind).t())
        return out.to(x.dtype), low.to(x.dtype)

    def gradients(
        self,
        grad: Tensor,
        x: Tensor,
        low: Tensor | None,
        add_to: Tensor | None = None,
        wanted: bool = True,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Of x (written into `add_to`, if `wanted` at all), A and B."""
        grad_low = self.low_gradient(grad)
        grad_x = self.input_gradient(grad, grad_low, add_to) if wanted else None
        return grad_x, *self.side_gradients(grad, grad_low, x, low)

    def low_gradient(self, grad: Tensor) -> Tensor | None:
        """Of l, times the scale: [S, r]."""
        if self.b is None:
            return None
        with threads.fit(grad.numel()):
            return (grad @ self.b.to(grad.dtype)).mul_(self.scale)

    def input_gradient(
        self, grad: Tensor, grad_low: Tensor | None, add_to: Tensor | None = None
    ) -> Tensor:
        """Of x, added to what is there: [S, inputs]."""
        own = self.weight
        weight = products.put("weight", own, grad.dtype)
        if add_to is not None:
            grad_x = add_to.addmm_(grad, weight)
        else:
            grad_x = grad @ weight if weight is own else products.widened(grad, weight)
        if self.a is not None and grad_low is not None:
            with threads.fit(grad_x.numel()):
                grad_x.addmm_(grad_low, self.a.to(grad.dtype))
        return grad_x

    def side_gradients(
        self, grad: Tensor, grad_low: Tensor | None, x: Tensor, low: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Of A and B."""
        if low is None or grad_low is None:
            return None, None
        with threads.fit(x.numel()):
            grad_a = grad_low.t() @ products.put("rows", x, grad.dtype)
        with threads.fit(grad.numel()):
            return grad_a, grad.t() @ low.to(grad.dtype)
