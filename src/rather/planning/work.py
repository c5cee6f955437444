"""How little work each stage's algorithm is: multiplications, and bytes that must move.

What is counted is the exact algorithm at its leanest: no padding, a prompt once for all its
completions, logits only where a completion token is predicted, the last layer at the tokens whose
hidden states are read (its keys and values, and all attention, at every token), layers below the
lowest trained one once, and nothing twice. Multiplying an m×k by a k×n matrix is 2·m·k·n FLOPs. A
backward pass through frozen weights makes the inputs' gradient only: as much again as the forward
pass; through an adapter it makes both gradients: twice as much; through attention (softmax(QKᵀ)V)
twice as much. Elementwise work (norms, rotary embedding, SiLU, softmax, the optimizer) is not
counted.

With T tokens, L layers, P weights of a layer's linear layers and W the sum of their inputs and
outputs, r the adapter's rank, a = heads · head width, N pairs of tokens that attend to each other:

    a pass:  L · (T · (2P·(1+b) + 2rW·(1+2b)) + 4aN·(1+2b)),   b = 1 with a backward pass, else 0
             − (T − tokens read) · (2P'·(1+b) + 2rW'·(1+2b)),   P' and W' without keys and values
    a head:  2·d·V·(1+b) a predicted token
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rather.planning.shape import Shape

KEYS_VALUES = (1, 2)
"""Places of k and v among `Shape.linear_layers`."""
Lengths = tuple[int, tuple[int, ...]]
"""Tokens of a prompt, and of each of its completions."""


@dataclass(frozen=True)
class Work:
    """What cannot be avoided."""

    flops: float = 0.0
    """Of matrix multiplications."""
    num_bytes: float = 0.0
    """Weights (while decoding) and linear layers' inputs and outputs (otherwise), in bfloat16."""

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.num_bytes + other.num_bytes)

    def __mul__(self, times: float) -> "Work":
        return Work(self.flops * times, self.num_bytes * times)


def num_tokens(rows: Iterable[Lengths]) -> int:
    """T: tokens with each prompt once."""
    return sum(prompt + sum(completions) for prompt, completions in rows)


def num_predicted(rows: Iterable[Lengths]) -> int:
    """Completion tokens."""
    return sum(sum(completions) for _, completions in rows)


def num_attended(rows: Iterable[Lengths]) -> int:
    """N: pairs of a token and one it attends to (itself too), each prompt once."""
    return sum(
        prompt * (prompt + 1) // 2 + sum(c * prompt + c * (c + 1) // 2 for c in completions)
        for prompt, completions in rows
    )


def num_predictors(rows: Iterable[Lengths]) -> int:
    """Tokens that predict one: a prompt's last, once, and all but the last of each completion."""
    return sum(1 + sum(c - 1 for c in completions) for _, completions in rows)


def trunk(
    shape: Shape,
    rows: Sequence[Lengths],
    *,
    has_adapter: bool,
    is_backward: bool,
    num_read: int | None = None,
) -> Work:
    """A pass through all of the shape's layers; `num_read`: tokens read after the last (all)."""
    tokens, times = num_tokens(rows), 1 + 2 * int(is_backward)
    shared = _linear(shape.linear_layers, shape.rank * int(has_adapter), is_backward=is_backward)
    attention = Work(4 * shape.attention_width * num_attended(rows) * times)
    whole = (shared * tokens + attention) * shape.num_layers
    if num_read is None or not shape.num_layers:
        return whole
    others = [size for place, size in enumerate(shape.linear_layers) if place not in KEYS_VALUES]
    spared = _linear(others, shape.rank * int(has_adapter), is_backward=is_backward)
    return whole + spared * (num_read - tokens)


def _linear(layers: Iterable[tuple[int, int]], rank: int, *, is_backward: bool) -> Work:
    """Linear layers of these inputs and outputs, at one token."""
    found, b = Work(), int(is_backward)
    for inputs, outputs in layers:
        flops = 2 * inputs * outputs * (1 + b) + 2 * rank * (inputs + outputs) * (1 + 2 * b)
        found += Work(flops, 2 * (inputs + outputs) * (1 + 2 * b))
    return found


def head(shape: Shape, predicted: int, *, is_backward: bool) -> Work:
    """Logits of predicted tokens, and (backward) the gradient of their states."""
    b = int(is_backward)
    moved = 2 * predicted * (shape.width + shape.vocabulary) * (1 + b)
    return Work(2 * shape.width * shape.vocabulary * predicted * (1 + b), moved)


def logprobs(
    shape: Shape, rows: Sequence[Lengths], *, has_adapter: bool, is_backward: bool = False
) -> Work:
    """A pass that ends in the completions' log-probabilities."""
    own = trunk(
        shape,
        rows,
        has_adapter=has_adapter,
        is_backward=is_backward,
        num_read=num_predictors(rows),
    )
    return own + head(shape, num_predicted(rows), is_backward=is_backward)


def num_pooled(rows: Iterable[Lengths], pooling: str) -> int:
    """Tokens that a reward model reads: the last of each completion, or (`mean`) all of them."""
    return num_predicted(rows) if pooling == "mean" else sum(len(found) for _, found in rows)


def reward(shape: Shape, rows: Sequence[Lengths], depth: float, pooling: str = "last") -> Work:
    """An update of a reward model that reads a share of the layers."""
    read = replace(shape, num_layers=round(depth * shape.num_layers))
    pooled = num_pooled(rows, pooling)
    return trunk(read, rows, has_adapter=True, is_backward=True, num_read=pooled)


def dpo(shape: Shape, rows: Sequence[Lengths], *, is_live: bool) -> Work:
    """An update of DPO, the reference's pass included where it is live."""
    update = logprobs(shape, rows, has_adapter=True, is_backward=True)
    return update + logprobs(shape, rows, has_adapter=False) * int(is_live)


def generation(shape: Shape, rows: Sequence[Lengths], *, adapted_layers: int) -> Work:
    """Prompts prefilled once, then a token at a time; the last one drawn is never run.

    While decoding, the bytes are all weights once for every token of the longest completion.
    """
    run = [(prompt, tuple(c - 1 for c in completions)) for prompt, completions in rows]

    def once(num_layers: int, *, has_adapter: bool) -> float:
        own, num_read = replace(shape, num_layers=num_layers), num_predictors(rows)
        return trunk(own, run, has_adapter=has_adapter, is_backward=False, num_read=num_read).flops

    adapter = once(adapted_layers, has_adapter=True) - once(adapted_layers, has_adapter=False)
    products = once(shape.num_layers, has_adapter=False) + adapter
    logits = head(shape, num_predicted(rows), is_backward=False)
    weights = shape.num_layers * shape.layer_weights + shape.width * shape.vocabulary
    longest = max(max(completions) for _, completions in rows)
    return Work(products + logits.flops, 2.0 * weights * longest)


def ppo(
    shape: Shape, rows: Sequence[Lengths], *, epochs: int, top_layers: int, has_critic: bool
) -> Work:
    """A step: rollout, score, the reference's log-probabilities, and the epochs.

    What policy and critic say of the rollout is the first epoch's forward pass: no weight has
    changed. `has_critic`: it has an adapter of its own; otherwise its head reads the policy's
    states.
    """
    top = replace(shape, num_layers=top_layers)
    below = replace(shape, num_layers=shape.num_layers - top_layers)
    written = generation(shape, rows, adapted_layers=top_layers)
    once = trunk(below, rows, has_adapter=False, is_backward=False)
    ends, predictors = num_pooled(rows, "last"), num_predictors(rows)
    once += trunk(top, rows, has_adapter=True, is_backward=False, num_read=ends)
    once += logprobs(top, rows, has_adapter=False)
    update = logprobs(top, rows, has_adapter=True, is_backward=True)
    if has_critic:
        update += trunk(top, rows, has_adapter=True, is_backward=True, num_read=predictors)
    return written + once + update * epochs
