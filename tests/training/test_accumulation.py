"""An update alone: gradients and numbers add up over microbatches."""

import pytest
import torch

from rather.data.batch import Row
from rather.training.accumulation import ALL_ALONE, accumulating, summed

ROWS = [Row((1,), ((2, 3),)), Row((1, 1), ((2,),)), Row((1,), ((4, 4, 4, 4),))]


def test_gradients_and_numbers_are_sums() -> None:
    weight = torch.tensor(2.0, requires_grad=True)
    with accumulating(ALL_ALONE) as update:
        mine = update.share(ROWS, lambda row: row.num_tokens)
        seen = []
        for indices, batch in update.microbatches(mine, 5, torch.device("cpu")):
            seen += indices
            update.add(weight * batch.num_tokens, {"tokens": batch.num_tokens, "loss": weight})
    assert mine == ROWS
    assert seen == [2, 0, 1]  # the longest first: 5 alone, then 3; another 3 does not fit to it
    assert weight.grad is not None
    assert weight.grad.item() == 11  # 5 + 3 + 3
    assert update.total == {"tokens": 11.0, "loss": 6.0}


def test_what_learns_nothing_is_counted_all_the_same() -> None:
    with accumulating(ALL_ALONE) as update:
        update.add(torch.tensor(3.0), {"loss": torch.tensor(3.0)})
    assert update.total == {"loss": 3.0}


def test_an_error_in_an_update_stays_the_error_it_was() -> None:
    with pytest.raises(RuntimeError, match="mine"), accumulating(ALL_ALONE):
        raise RuntimeError("mine")


def test_sums_over_ranks_have_every_name() -> None:
    assert summed([{"a": 1.0, "b": 2.0}, {}, {"b": 0.5, "c": 4.0}]) == {
        "a": 1.0,
        "b": 2.5,
        "c": 4.0,
    }
