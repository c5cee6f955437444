"""Decoding from cached keys is the packed pass, one token at a time."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.decoding import DecodeLayout, KeyValues
from rather.models.packed import PackedLayout

NewModel = Callable[[str], PreTrainedModel]
FAMILIES = ["llama", "qwen2", "qwen3", "mistral", "gemma2", "gpt_neox", "gpt2", "deepseek_v3"]


@pytest.mark.parametrize("family", FAMILIES)
def test_decoding_from_the_cache_is_the_packed_pass(family: str, new_model: NewModel) -> None:
    """Two prompts, two completions each; the second prompt leaves after two steps."""
    backbone = Backbone(new_model(family))
    prompts = [(5, 6, 7, 8, 9, 10), (11, 12)]
    answers = [[(20, 21, 22, 23), (24, 25, 26, 27)], [(30, 31), (32, 33)]]
    rows = [Row(p, tuple(a)) for p, a in zip(prompts, answers, strict=True)]
    batch = pack(rows)
    with torch.no_grad():
        whole = backbone.hidden(batch, None)
        expected = whole[batch.token_index]
        asked = pack([Row(p, ()) for p in prompts])
        cache = KeyValues(torch.tensor([6, 2]), per_row=2, longest=4)
        layout = PackedLayout(asked, keep=cache)
        backbone.run(asked.input_ids, asked.position_ids, layout, None)
        for step in range(4):
            living = torch.arange(4 if step < 2 else 2)
            if step == 2:
                cache.keep_rows(torch.tensor([0]))
            ids = batch.completion_ids[: len(living), step]
            positions = torch.tensor([6, 6, 2, 2])[: len(living)] + step
            found = backbone.run(ids, positions, DecodeLayout(cache, living, step), None)
            torch.testing.assert_close(found, expected[: len(living), step], atol=2e-5, rtol=0)


def test_only_the_living_decode(new_model: NewModel) -> None:
    backbone = Backbone(new_model("mistral"))
    asked = pack([Row((5, 6, 7), ()), Row((8,), ())])
    ids, positions = torch.tensor([20, 21, 22]), torch.tensor([3, 3, 1])

    def decode(living: list[int]) -> Tensor:
        cache = KeyValues(torch.tensor([3, 1]), per_row=2, longest=1)
        layout = PackedLayout(asked, keep=cache)
        backbone.run(asked.input_ids, asked.position_ids, layout, None)
        chosen = torch.tensor([{0: 0, 1: 1, 3: 2}[slot] for slot in living])
        slots = DecodeLayout(cache, torch.tensor(living), 0)
        return backbone.run(ids[chosen], positions[chosen], slots, None)

    with torch.no_grad():
        all_three, two = decode([0, 1, 3]), decode([0, 3])
    torch.testing.assert_close(two, all_three[[0, 2]], atol=1e-6, rtol=0)
