"""A backbone that learns whole, spread over ranks by torch's FSDP2: each holds a part of it.

Of every weight, its gradient and its moments a rank keeps the rows that are its own; a layer is put
together for as long as it computes. That needs all ranks in the same pass at the same time, which
sampling and scoring are not: for them the whole backbone is put together, and spread again.

Zhao et al. 2023, https://arxiv.org/abs/2304.11277 (the first FSDP; this is `fully_shard`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone


class _Trunk(nn.Module):
    """Decoder and head as one module that is called as the decoder is, so that FSDP, which acts
    where its module is called, also minds the head."""

    def __init__(self, model: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.__dict__["decoder"] = decoder  # registered below the model already

    def forward(self, **inputs: Any) -> Any:
        """What the decoder gives."""
        return self.__dict__["decoder"](**inputs)


class Shards:
    """The parts of a backbone on this rank."""

    def __init__(self, backbone: Backbone) -> None:
        """Spread a whole backbone; all ranks do so together."""
        size = torch.distributed.get_world_size()
        mesh = init_device_mesh(backbone.device.type, (size,))
        trunk = _Trunk(backbone.model, backbone.decoder)
        layers = backbone.stack.from_layer(0)
        for module in (*layers, trunk):
            fully_shard(module, mesh=mesh)
        self._layers: list[Any] = layers
        self._all: list[Any] = [trunk, *layers]
        for one in self._all:
            # losses are divided by the whole batch's counts already
            one.set_gradient_divide_factor(1.0)
            one.set_force_sum_reduction_for_comms(True)
        self._is_whole = False
        backbone.decoder = trunk
        self._settle(backbone)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """For passes without gradients, as many as each rank likes."""
        if self._is_whole:
            yield
            return
        self.gather()
        try:
            yield
        finally:
            self._spread()

    def gather(self) -> None:
        """Put the backbone together on every rank, to stay so."""
        for one in self._all:
            one.unshard()
        for layer in self._layers:
            layer.set_reshard_after_forward(False, recurse=False)
        self._is_whole = True

    def _spread(self) -> None:
        for layer in self._layers:
            layer.set_reshard_after_forward(True, recurse=False)
        for one in self._all:
            one.reshard()
        self._is_whole = False

    @torch.no_grad()
    def _settle(self, backbone: Backbone) -> None:
        """One pass through all layers: FSDP takes in what it meets in its first."""
        backbone.hidden(pack([Row((0,), ((0,),))]).to(backbone.device), None)
        self._spread()


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """What a model's `state_dict` holds, as it is now: asked itself, a spread one spreads again."""
    found = {name: one.detach() for name, one in model.named_parameters()}
    for prefix, module in model.named_modules():
        for name, one in module.named_buffers(f"{prefix}." if prefix else "", recurse=False):
            if name.rpartition(".")[2] not in module._non_persistent_buffers_set:
                found[name] = one
    return found


def is_spread(tensor: Tensor) -> bool:
    """Whether each rank has rows of its own of a tensor."""
    return isinstance(tensor, DTensor)


def own_part(whole: Tensor, like: Tensor) -> Tensor:
    """This rank's part of a tensor that all ranks have, where `like` is spread; nothing is sent."""
    whole = whole.to(like.device)
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)


def held(tensor: Tensor) -> Tensor:
    """What this rank holds of a tensor: its own rows where it is spread, else all of it."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor, on every rank; all of them ask for it together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
