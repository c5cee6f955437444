"""How long a step takes: its work over what the hardware reaches of its best.

    passes      FLOPs / reached, a share of the best products               the equations of work.py
    a token     max(weights / (share of bytes · bandwidth),
                    rows · FLOPs / reached) + layers · seconds a layer
    exchange    2 · 4 bytes · weights that learn · (R − 1)/R / link, each update, on R ranks

A pass that trains all weights makes their gradients too: three times a forward pass.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rather.planning import work
from rather.planning.hardware import Hardware
from rather.planning.shape import Shape
from rather.planning.stages import Load, Trunk
from rather.planning.work import Lengths, Work


@dataclass(frozen=True)
class Duration:
    """Seconds of one step, by what they are spent on."""

    parts: dict[str, float]

    @property
    def total(self) -> float:
        """Seconds of the step."""
        return sum(self.parts.values())


def duration_of(shape: Shape, load: Load, hardware: Hardware, num_bytes: int) -> Duration:
    """One step on this hardware, its rows spread over the ranks."""
    rows = load.rows[: math.ceil(len(load.rows) / hardware.count)]
    num_bytes = 4 if any(trunk.is_full for trunk in load.learning) else num_bytes
    reached = hardware.reached(num_bytes)
    parts = {}
    if load.writes:
        parts["write"] = _writing(shape, load, rows, hardware, num_bytes)
    if looked := _looking(shape, load, rows).flops:
        parts["look"] = looked / reached
    learnt = sum((_learning(shape, trunk, load, rows) for trunk in load.learning), Work())
    if load.thrift.recomputes:
        forward = [replace(shape, num_layers=trunk.num_layers) for trunk in load.learning]
        again = (_pass(one, rows, is_backward=False) for one in forward)
        learnt = sum(again, learnt)
    parts["learn"] = load.num_epochs * learnt.flops / reached
    if hardware.count > 1:
        parts["exchange"] = load.num_epochs * _exchange(shape, load, hardware)
    return Duration(parts)


def _writing(
    shape: Shape, load: Load, rows: Sequence[Lengths], hardware: Hardware, num_bytes: int
) -> float:
    """Prompts at once, then a token at a time for all rows together."""
    reached = hardware.reached(num_bytes)
    prompts = [(prompt, ()) for prompt, _ in rows]
    prefill = work.trunk(shape, prompts, has_adapter=True, is_backward=False).flops / reached
    written = work.generation(shape, rows, adapted_layers=load.learning[0].num_layers)
    steps = max(max(completions) for _, completions in rows)
    weights = num_bytes * (shape.linear_weights + shape.width * shape.vocabulary)
    by_bytes = weights / (hardware.bandwidth * hardware.share_of_bytes)
    by_products = (written.flops / reached - prefill) / steps
    between = shape.num_layers * hardware.seconds_a_layer
    return prefill + steps * (max(by_bytes, by_products) + between)


def _looking(shape: Shape, load: Load, rows: Sequence[Lengths]) -> Work:
    """Passes without a gradient: the sampled policy, its reference, the rewards, a first value."""
    found = Work()
    if load.has_reference:
        found += work.logprobs(shape, rows, has_adapter=False)
    if load.writes:
        own = load.learning[0].num_layers if load.keeps_lower else shape.num_layers
        found += work.logprobs(replace(shape, num_layers=own), rows, has_adapter=True)
        for trunk in (*load.looking, *load.learning[1:]):
            read = replace(shape, num_layers=trunk.num_layers)
            one = _pass(read, rows, is_backward=False)
            found += one * trunk.num_copies
    return found


def _learning(shape: Shape, trunk: Trunk, load: Load, rows: Sequence[Lengths]) -> Work:
    """A forward and a backward pass of one role; below adapters on top layers only, none."""
    read = replace(shape, num_layers=trunk.num_layers)
    if trunk.is_full:
        found = work.trunk(read, rows, has_adapter=False, is_backward=False) * 3
    else:
        found = _pass(read, rows, is_backward=True)
    # a pass that looked has kept what lies below
    is_kept = load.keeps_lower and load.has_reference
    if not is_kept and not trunk.is_full and trunk.role == "policy":
        below = replace(shape, num_layers=shape.num_layers - trunk.num_layers)
        found += work.trunk(below, rows, has_adapter=False, is_backward=False)
    if load.has_logits and trunk.role == "policy":
        found += work.head(shape, work.num_predicted(rows), is_backward=True)
    return found


def _pass(shape: Shape, rows: Sequence[Lengths], *, is_backward: bool) -> Work:
    """One with an adapter; about as many tokens are read as predict one, whatever the role."""
    num_read = work.num_predictors(rows)
    return work.trunk(shape, rows, has_adapter=True, is_backward=is_backward, num_read=num_read)


def _exchange(shape: Shape, load: Load, hardware: Hardware) -> float:
    ranks = hardware.count
    learnt = sum(
        float(replace(shape, num_layers=trunk.num_layers).num_weights)
        if trunk.is_full
        else shape.adapter_weights(trunk.num_layers)
        for trunk in load.learning
    )
    return 2 * 4 * learnt * (ranks - 1) / ranks / hardware.link
