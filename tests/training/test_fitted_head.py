"""A head is fitted to comparisons: by hand where that can be, and on a tiny model."""

import math
from collections.abc import Callable

import pytest
import torch

from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.models.heads import ScalarHead
from rather.models.roles import RewardModel
from rather.models.tuning import Tuned
from rather.progress import Progress
from rather.rollout.tables import score_rows
from rather.training import fitted_head
from rather.training.fitted_head import fit_bradley_terry, fit_head

QUIET = Progress(quiet=True)


def test_three_wins_of_four_are_the_log_odds_of_three() -> None:
    differences = torch.tensor([[1.0], [1.0], [1.0], [-1.0]])
    found = fit_bradley_terry(differences, penalty=1e-12)
    assert found.item() == pytest.approx(math.log(3), abs=1e-4)


def test_the_penalty_holds_back_what_nothing_speaks_against() -> None:
    """Where σ(−w) = 2·penalty·w: w = 1 for penalty σ(−1)/2 = 0.1344707."""
    found = fit_bradley_terry(torch.tensor([[1.0]]), penalty=0.1344707)
    assert found.item() == pytest.approx(1.0, abs=1e-4)


def pairs(number: int, rank_of_liked: int) -> list[Judged]:
    """Two completions of the same words, one with a 200 in it: that one has the given rank."""
    found = []
    for n in range(number):
        generator = torch.Generator().manual_seed(n)
        words = torch.randint(10, 190, (9,), generator=generator).tolist()
        liked = (*words[4:8], 200, 2)
        opinion = Opinion((0, 1), (rank_of_liked, 3 - rank_of_liked))
        found.append(Judged(Row(tuple(words[:4]), (liked, (*words[4:], 2))), (opinion,)))
    return found


@pytest.mark.parametrize("rank", [1, 2])
def test_what_it_was_fitted_to_is_ordered_and_the_trunk_stays(
    new_tuned: Callable[..., Tuned], rank: int
) -> None:
    tuned = new_tuned()
    before = {name: p.clone() for name, p in tuned.backbone.model.named_parameters()}
    model = RewardModel(tuned.backbone, tuned.adapter, ScalarHead(32), "mean", depth=1)
    fit_head(model, pairs(40, rank), 256, QUIET)
    unseen = pairs(60, rank)[40:]
    gaps = [a - b for a, b in score_rows(model, [one.row for one in unseen], 256)]
    assert all(gap > 0 for gap in gaps) if rank == 1 else all(gap < 0 for gap in gaps)
    after = dict(tuned.backbone.model.named_parameters())
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert model.head.weight.requires_grad and model.head.weight.grad is None


def test_ties_alone_leave_the_head_as_it_is(new_tuned: Callable[..., Tuned]) -> None:
    tuned = new_tuned()
    model = RewardModel(tuned.backbone, tuned.adapter, ScalarHead(32, seed=3), "mean")
    tied = [Judged(one.row, (Opinion((0, 1), (1, 1)),)) for one in pairs(4, 1)]
    fit_head(model, tied, 256, QUIET)
    assert torch.equal(model.head.weight, ScalarHead(32, seed=3).weight)


def test_of_many_rows_evenly_spread_ones_are_read(
    new_tuned: Callable[..., Tuned], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten rows, four allowed: every third is read; the other six say the contrary."""
    monkeypatch.setattr(fitted_head, "MAX_ROWS", 4)
    tuned = new_tuned()
    model = RewardModel(tuned.backbone, tuned.adapter, ScalarHead(32), "mean")
    right, wrong = pairs(10, 1), pairs(10, 2)
    fit_head(model, [right[n] if n % 3 == 0 else wrong[n] for n in range(10)], 256, QUIET)
    assert all(a > b for a, b in score_rows(model, [one.row for one in right], 256))
