"""Rows of like lengths share a block, and which block a row is in changes no number."""

from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.packed import grids
from rather.models.packed.grids import alike, grid_of
from rather.models.roles import Policy


def test_a_long_row_has_a_block_of_its_own() -> None:
    # together 3·(300² + 300·600) = 810 000 weights; apart 270 000 and 2·(10² + 10·20) = 600
    assert alike([10, 300, 10], [10, 300, 10], per_row=1) == [[1], [0, 2]]


def test_rows_that_save_less_than_a_block_costs_stay_together() -> None:
    # together 2·40² = 3200, apart 40² + 30² = 2500
    assert alike([40, 30], [0, 0], per_row=0) == [[0, 1]]
    # together 2·400² = 320 000, apart 400² + 300² = 250 000
    assert alike([400, 300], [0, 0], per_row=0) == [[0], [1]]


def test_a_block_can_be_cut_again() -> None:
    assert alike([1000, 600, 10], [0, 0, 0], per_row=0) == [[0], [1], [2]]


def test_long_completions_count_too() -> None:
    assert alike([10, 10], [500, 10], per_row=2) == [[0], [1]]


def test_a_block_is_as_wide_as_its_longest_row() -> None:
    batch = pack([Row((1, 2, 3), ((4,), (5, 6))), Row((7,), ((8,),))])
    long, short = grid_of(batch, 2, [[0], [1]]).blocks
    assert (long.longest_prompt, long.longest, long.num_places) == (3, 2, (6, 8))
    assert (short.longest_prompt, short.longest, short.num_places) == (1, 1, (2, 4))


def test_what_is_spread_is_collected() -> None:
    batch = pack([Row((1, 2, 3), ((4,), (5, 6))), Row((7,), ((8,),)), Row((9, 9), ())])
    grid = grid_of(batch, 2, [[2, 0], [1]])
    x = torch.arange(batch.num_tokens * 8.0).view(-1, 4, 2)  # 2 key heads with 2 queries each
    parts, whole = grid.blank(x, 2, 2)
    for part, found in zip(parts, grid.spread(x, x.dtype), strict=True):
        part.prompt.copy_(found.prompt)
        part.own.copy_(found.own)
    assert torch.equal(grid.collect(whole, 2), x)
    cleared = grid.spread_gradient(torch.ones_like(x), x.dtype)
    assert sum(float(part.sum()) for spread in cleared for part in spread) == x.numel()


def test_a_small_block_is_attended_to_on_one_thread() -> None:
    # 2 key heads with 2 queries each, completions of 2 and 500 tokens on prompts of 3 and 600:
    # 2·(2·500)·1100 = 2 200 000 weights are worth two threads, 2·(2·2)·5 = 40 are not
    batch = pack([Row((1, 2, 3), ((4, 5),)), Row((7,) * 600, ((8,) * 500,))])
    grid = grid_of(batch, 2, [[0], [1]])
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        counts = []
        for block, queries in zip(
            grid.blocks,
            grid.spread(torch.zeros(batch.num_tokens, 4, 2), torch.float32),
            strict=True,
        ):
            with block.threads_for(queries):
                counts.append(torch.get_num_threads())
    finally:
        torch.set_num_threads(before)
    assert counts == [1, 2]


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2"])
def test_blocks_change_no_number_and_no_gradient(
    family: str,
    new_model: Callable[[str], PreTrainedModel],
    rows: list[Row],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = [*rows, Row((5,) * 20, ((6,) * 9, (7,))), Row((8,), ())]
    found = []
    for cost in (0, 1 << 40):
        monkeypatch.setattr(grids, "BLOCK_COST", cost)
        model = new_model(family)
        backbone = Backbone(model)
        model.requires_grad_(True)
        logprobs = Policy(backbone).logprobs(pack(asked))
        logprobs.sum().backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        found.append((logprobs.detach(), gradients))
    (apart, own), (together, other) = found
    torch.testing.assert_close(apart, together, atol=1e-5, rtol=0)
    assert len(own) > 10
    for name, gradient in own.items():
        torch.testing.assert_close(gradient, other[name], atol=1e-5, rtol=1e-4)
