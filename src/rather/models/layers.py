"""Running part of a decoder's stack of layers, without touching anybody's modelling code.

For the time of one call, layers outside the wanted range are replaced by stand-ins that hand their
input on. One of them puts in hidden states that are known already, another takes down those that
are wanted. What lies below the lowest trained layer is then computed once for all roles and epochs.
At the other end, the last layer's feed-forward mixes no tokens: it is run for those that are read.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rather.models.lora import Switch


class _StandIn(nn.Module):
    """In a layer's place: passes its input on, or puts in what is known instead."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.__dict__["layer"] = layer  # not registered: its weights are not ours
        self.__dict__.update(known=None, seen=None, in_tuple=False)

    def __getattr__(self, name: str) -> Any:
        """Some decoders read settings off their layers (an attention type, say)."""
        if name in self.__dict__:
            return self.__dict__[name]
        return getattr(self.__dict__["layer"], name)

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor | tuple[Tensor]:
        """[..., d] -> [..., d], alone in a tuple where the architecture's layers have one."""
        self.__dict__["seen"] = hidden_states
        known = self.__dict__["known"]
        handed_on = hidden_states if known is None else known
        return (handed_on,) if self.__dict__["in_tuple"] else handed_on


class Narrowed:
    """A feed-forward's forward that leaves out tokens nobody reads, when it is told so."""

    def __init__(self, forward: Callable[[Tensor], Tensor]) -> None:
        self.forward = forward
        self.places: Tensor | None = None
        """Those that are read, each once; None for all."""

    def __call__(self, x: Tensor) -> Tensor:
        """[1, S, d] -> [1, S, d], 0 at tokens that are left out."""
        if self.places is None:
            return self.forward(x)
        made = self.forward(x[0].index_select(0, self.places)[None])[0]
        return made.new_zeros(x.shape[1:]).index_copy(0, self.places, made)[None]


class Recomputed:
    """A layer's forward that keeps its input alone, and computes the rest again when it is needed.

    Chen et al. 2016, https://arxiv.org/abs/1604.06174. By the time of the backward pass another
    adapter may be on, and other tokens be read: what was so then is put back while it takes.
    """

    def __init__(self, layer: nn.Module, switch: Switch) -> None:
        self.forward, self.switch = layer.forward, switch
        self.narrowed = _narrowed_in(layer)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """What the layer gives."""
        if not torch.is_grad_enabled():
            return self.forward(*inputs, **named)
        active = self.switch.active
        places = None if self.narrowed is None else self.narrowed.places

        def compute(*inputs: Any, **named: Any) -> Any:
            before, self.switch.active = self.switch.active, active
            with _only(self.narrowed, places):
                try:
                    return self.forward(*inputs, **named)
                finally:
                    self.switch.active = before

        return checkpoint(compute, *inputs, use_reentrant=False, preserve_rng_state=False, **named)


def _narrowed_in(layer: nn.Module) -> Narrowed | None:
    found = getattr(getattr(layer, "mlp", None), "forward", None)
    return found if isinstance(found, Narrowed) else None


@contextmanager
def _only(narrowed: Narrowed | None, places: Tensor | None) -> Iterator[None]:
    """For this long a feed-forward is run at these places alone; where there is none, nothing."""
    if narrowed is None:
        yield
        return
    before, narrowed.places = narrowed.places, places
    try:
        yield
    finally:
        narrowed.places = before


class Stack:
    """A decoder's layers, any range of which can be run by itself."""

    def __init__(self, layers: nn.ModuleList) -> None:
        self.layers = layers
        self._originals = list(layers)
        self._stand_ins = [_StandIn(layer) for layer in layers]

    def __len__(self) -> int:
        return len(self._originals)

    def recompute(self, switch: Switch) -> None:
        """From now on keep of every layer only its input for the backward pass."""
        for layer in self._originals:
            if not isinstance(layer.forward, Recomputed):
                layer.forward = Recomputed(layer, switch)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Learn from a pass through the decoder whether its layers hand tuples on, and which have a
        feed-forward that can be narrowed."""

        def look(_: nn.Module, __: Any, output: Any) -> None:
            for stand_in in self._stand_ins:
                stand_in.__dict__["in_tuple"] = isinstance(output, tuple)

        def narrow(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            is_plain = len(given) == 1 and isinstance(output, Tensor)
            if is_plain and not isinstance(module.forward, Narrowed):
                module.forward = Narrowed(module.forward)

        hooks = [self._originals[0].register_forward_hook(look)]
        for layer in self._originals:
            if isinstance(feed_forward := getattr(layer, "mlp", None), nn.Module):
                hooks.append(feed_forward.register_forward_hook(narrow))
        yield
        for hook in hooks:
            hook.remove()

    def from_layer(self, depth: int | None) -> list[nn.Module]:
        """The layers from `depth` on; none for None."""
        return [] if depth is None else self._originals[depth:]

    @contextmanager
    def above(self, depth: int, known: Tensor) -> Iterator[None]:
        """Run only the layers from `depth` on, starting from `known` hidden states.

        They have the shape the layers hand on, as all hidden states here: [..., d].
        """
        with self._without(range(depth)):
            self._stand_ins[depth - 1].__dict__["known"] = known
            yield

    @contextmanager
    def first(self, depth: int) -> Iterator[None]:
        """Run only the first `depth` layers; whatever follows the stack reads what they give."""
        with self._without(range(depth, len(self))):
            yield

    @contextmanager
    def reading(self, depth: int | None, places: Tensor) -> Iterator[None]:
        """After the first `depth` layers (None: all) only these tokens of a pack are read.

        What the last of them gives at the others is no hidden state.
        """
        last = len(self) if depth is None else depth
        with _only(_narrowed_in(self._originals[last - 1]), places):
            yield

    @contextmanager
    def below(self, depth: int) -> Iterator[list[Tensor]]:
        """Run only the first `depth` layers; the list then holds what they give."""
        found: list[Tensor] = []
        with self._without(range(depth, len(self))):
            yield found
            found.append(self._stand_ins[depth].__dict__["seen"])

    @contextmanager
    def _without(self, places: range) -> Iterator[None]:
        try:
            for place in places:
                self.layers[place] = self._stand_ins[place]
            yield
        finally:
            for place in places:
                self.layers[place] = self._originals[place]
                self._stand_ins[place].__dict__.update(known=None, seen=None)
