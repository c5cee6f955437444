"""A twin has modules of its own on the same weights."""

from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.decode.weights import DecodeWeights
from rather.models.twins import twin_of
from tests.models.conftest import FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_twin_computes_the_same_whatever_the_other_is_in_the_middle_of(
    family: str, new_model: Callable[[str], PreTrainedModel], loud: Callable[..., str]
) -> None:
    first = Backbone(new_model(family))
    second, third = twin_of(first), twin_of(first)
    batch = pack([Row((5, 6, 7, 8), ((9, 10),))])
    with torch.no_grad():
        expected = first.hidden(batch, None)
        loud(second, "one", 1)
        assert "one" not in third.shapes
        with DecodeWeights(second, lays_out_for=0).in_use():
            second.switch_to("one")
            torch.testing.assert_close(third.hidden(batch, None), expected, atol=0, rtol=0)
            assert not torch.allclose(second.hidden(batch, "one"), expected)


def test_its_weights_are_the_same_memory(tiny_backbone: Backbone) -> None:
    twin = twin_of(tiny_backbone)
    theirs = dict(tiny_backbone.model.named_parameters())
    own = dict(twin.model.named_parameters())
    assert own.keys() == theirs.keys()
    assert all(own[name] is theirs[name] for name in theirs)
    assert twin.model is not tiny_backbone.model
