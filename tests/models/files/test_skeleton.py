"""A skeleton says what fits a model, and holds none of its weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rather.errors import DataError
from rather.models.adapter_files import require_fit
from rather.models.backbone import Backbone
from rather.models.files.skeleton import skeleton_of


def test_it_has_the_layers_of_the_model_and_no_weights(
    tiny_backbone: Backbone, tiny_model: Path
) -> None:
    skeleton = skeleton_of(tiny_model)
    assert skeleton.linear_layers == tiny_backbone.linear_layers
    assert {p.device.type for p in skeleton.model.parameters()} == {"meta"}


def weights_of(backbone: Backbone, name: str) -> dict[str, Tensor]:
    return {key: p.detach().clone() for key, p in backbone.adapter_parameters(name).items()}


def test_an_adapter_of_the_model_fits(
    tiny_backbone: Backbone, tiny_model: Path, loud: Callable[..., str]
) -> None:
    name = loud(tiny_backbone)
    shape, model = tiny_backbone.shapes[name], skeleton_of(tiny_model).model
    require_fit(model, shape, weights_of(tiny_backbone, name))


def test_one_that_lacks_a_side_or_has_another_width_does_not(
    tiny_backbone: Backbone, tiny_model: Path, loud: Callable[..., str]
) -> None:
    name = loud(tiny_backbone)
    shape, model = tiny_backbone.shapes[name], skeleton_of(tiny_model).model
    first = f"{shape.targets[0]}.lora_A.weight"
    weights = weights_of(tiny_backbone, name)
    with pytest.raises(DataError, match=r"\[4, 33\] where \[4, 32\] is needed"):
        require_fit(model, shape, weights | {first: torch.zeros(4, 33)})
    del weights[first]
    with pytest.raises(DataError, match=r"lora_A\.weight is on one side only"):
        require_fit(model, shape, weights)
