"""Prompts in pieces of any size are the packed pass, whatever they are computed beside."""

from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.decode.pieces import PieceLayout
from rather.models.decode.spans import Growing
from tests.models.conftest import FAMILIES

PROMPTS = (tuple(range(5, 25)), (40, 41, 42, 43, 44, 45), (100, 101, 102))
CPU = torch.device("cpu")


@pytest.mark.parametrize("block", [None, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_are_the_packed_pass(
    family: str, block: int | None, new_model: Callable[[str], PreTrainedModel]
) -> None:
    """Three prompts of 20, 6 and 3 tokens, in passes of unequal pieces."""
    backbone = Backbone(new_model(family))
    batch = pack([Row(ids, ()) for ids in PROMPTS])
    passes = [(1, 4, 0), (9, 1, 3), (10, 1, 0)]
    growing = [Growing(len(ids)) for ids in PROMPTS]
    found: list[list[torch.Tensor]] = [[], [], []]
    with torch.no_grad():
        expected = backbone.hidden(batch, None).split([20, 6, 3])
        for counts in passes:
            going = [n for n in range(3) if counts[n]]
            sizes = [counts[n] for n in going]
            ids = [
                token
                for n in going
                for token in PROMPTS[n][growing[n].filled : growing[n].filled + counts[n]]
            ]
            layout = PieceLayout([growing[n] for n in going], sizes, CPU, block)
            hidden = backbone.run(torch.tensor(ids), layout.positions, layout, None)
            for n, part in zip(going, hidden.split(sizes), strict=True):
                found[n].append(part)
    assert [one.filled for one in growing] == [20, 6, 3]
    for parts, whole in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.cat(parts), whole, atol=3e-5, rtol=0)
