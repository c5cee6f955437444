"""Decoding from cached keys is the packed pass, one token at a time."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.decode.key_values import KeyValues
from rather.models.decode.layout import DecodeLayout
from rather.models.packed.layout import PackedLayout
from tests.models.conftest import FAMILIES

NewModel = Callable[[str], PreTrainedModel]
CPU = torch.device("cpu")


def prefill(backbone: Backbone, cache: KeyValues, rows: Sequence[Row]) -> None:
    """The prompts of rows join, with a row of the cache for each of their completions."""
    asked = pack([Row(row.prompt_ids, ()) for row in rows])
    cache.expect([len(row.prompt_ids) for row in rows], [len(row.completions) for row in rows])
    backbone.run(asked.input_ids, asked.position_ids, PackedLayout(asked, keep=cache), None)


def step(backbone: Backbone, cache: KeyValues, ids: Sequence[int]) -> Tensor:
    """Hidden states of one more token in each row of the cache."""
    layout = DecodeLayout(cache, CPU)
    return backbone.run(torch.tensor(ids), layout.positions, layout, None)


@pytest.mark.parametrize("shares_prompts", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_decoding_from_the_cache_is_the_packed_pass(
    family: str, shares_prompts: bool, new_model: NewModel
) -> None:
    """Rows of three prompts; one leaves from the middle, another prompt joins two steps later."""
    backbone = Backbone(new_model(family))
    rows = [
        Row((5, 6, 7, 8, 9, 10), ((20, 21, 22, 23), (24,), (25, 26, 27, 28))),
        Row((11, 12), ((30, 31, 32, 33),)),
    ]
    late = Row((40, 41, 42), ((50, 51), (52, 53)))
    batch = pack([*rows, late])
    cache = KeyValues(shares_prompts=shares_prompts)
    with torch.no_grad():
        expected = backbone.hidden(batch, None)[batch.token_index]
        prefill(backbone, cache, rows)
        # completions of the batch that sit in the cache's rows, and how far each has come
        seated, done = [0, 1, 2, 3], [0, 0, 0, 0]
        for number in range(4):
            if number == 1:
                order = cache.remove({1})
                assert order == [0, 3, 2]
                seated, done = [0, 3, 2], [1, 1, 1]
            if number == 2:
                prefill(backbone, cache, [late])
                seated, done = [0, 3, 2, 4, 5], [2, 2, 2, 0, 0]
            ids = [int(batch.completion_ids[c, t]) for c, t in zip(seated, done, strict=True)]
            found = step(backbone, cache, ids)
            for row, (c, t) in enumerate(zip(seated, done, strict=True)):
                torch.testing.assert_close(found[row], expected[c, t], atol=3e-5, rtol=0)
            done = [t + 1 for t in done]
