"""A second set of modules on the weights of a first, for threads that must not meet in one."""

import copy
from itertools import chain
from typing import Any

from rather.models.backbone import Backbone
from rather.models.lora import without_adapters


def twin_of(backbone: Backbone) -> Backbone:
    """A backbone with the same weights, which are there once, and without adapters.

    Which adapter is on and who computes for a layer is kept in modules: whatever one of the two is
    in the middle of, the other never sees. `backbone` itself must be at rest.
    """
    model = backbone.model
    shared: dict[int, Any] = {id(one): one for one in chain(model.parameters(), model.buffers())}
    twin = Backbone(without_adapters(copy.deepcopy(model, shared)))
    twin.is_in_four_bits = backbone.is_in_four_bits
    return twin
