"""What comparisons say about scores: probabilities by hand, and that they sum to one."""

import math
from collections.abc import Callable
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from rather.equations.preferences import (
    bradley_terry,
    davidson_tie,
    davidson_win,
    plackett_luce,
    preferred,
    rao_kupper_tie,
    rao_kupper_win,
)

SCORES = st.floats(-8, 8)
LN_4, ZERO = torch.tensor([math.log(4)]), torch.zeros(1)


def probability(loss: Tensor) -> float:
    return math.exp(-loss.item())


def test_equal_scores_give_ln_2() -> None:
    assert bradley_terry(ZERO, ZERO).item() == pytest.approx(0.693147, abs=1e-6)


def test_bradley_terry_by_hand() -> None:
    assert probability(bradley_terry(LN_4, ZERO)) == pytest.approx(0.8)  # odds 4 to 1
    assert probability(bradley_terry(ZERO, LN_4)) == pytest.approx(0.2)


def test_a_margin_must_be_beaten() -> None:
    # odds 4, of which a margin of ln 2 leaves 2, and one of ln 4 leaves 1
    halved = preferred(bradley_terry, LN_4, ZERO, margin=math.log(2))
    assert probability(halved) == pytest.approx(2 / 3)
    margins = torch.tensor([0.0, math.log(2), math.log(4)])
    loss = preferred(bradley_terry, LN_4.expand(3), ZERO.expand(3), margin=margins)
    assert (-loss).exp().tolist() == pytest.approx([0.8, 2 / 3, 0.5])


def test_label_smoothing_counts_the_other_answer_too() -> None:
    # −0.9·ln 0.8 − 0.1·ln 0.2 = 0.9·0.223144 + 0.1·1.609438 = 0.361773
    smoothed = preferred(bradley_terry, LN_4, ZERO, label_smoothing=0.1)
    assert smoothed.item() == pytest.approx(0.361773, abs=1e-5)
    # after a margin of ln 2: 0.9·0.405465 + 0.1·1.098612 = 0.474780
    smoothed = preferred(bradley_terry, LN_4, ZERO, margin=math.log(2), label_smoothing=0.1)
    assert smoothed.item() == pytest.approx(0.474780, abs=1e-5)
    # no gap, no margin: ln 2 however smooth
    even = preferred(bradley_terry, ZERO, ZERO, label_smoothing=0.3)
    assert even.item() == pytest.approx(math.log(2))
    # Davidson's 4, 1 and 2 of 7, a quarter of the labels wrong: −¾·ln(4/7) − ¼·ln(1/7) = 0.906189
    smoothed = preferred(davidson_win, LN_4, ZERO, label_smoothing=0.25)
    assert smoothed.item() == pytest.approx(0.906189, abs=1e-5)


def test_davidson_by_hand() -> None:
    # weights 4, 1 and √(4·1) = 2 for the tie, of 7
    assert probability(davidson_win(LN_4, ZERO)) == pytest.approx(4 / 7)
    assert probability(davidson_win(ZERO, LN_4)) == pytest.approx(1 / 7)
    assert probability(davidson_tie(LN_4, ZERO)) == pytest.approx(2 / 7)
    # ν = 3: the tie weighs 6 of 11
    assert probability(davidson_tie(LN_4, ZERO, nu=3.0)) == pytest.approx(6 / 11)


def test_rao_kupper_by_hand() -> None:
    # η = ln 2: win 4/(4 + 2·1), loss 1/(1 + 2·4), tie (2² − 1)·(2/3)·(1/9)
    assert probability(rao_kupper_win(LN_4, ZERO)) == pytest.approx(2 / 3)
    assert probability(rao_kupper_win(ZERO, LN_4)) == pytest.approx(1 / 9)
    assert probability(rao_kupper_tie(LN_4, ZERO)) == pytest.approx(2 / 9)


@pytest.mark.parametrize(
    ("win", "tie"), [(davidson_win, davidson_tie), (rao_kupper_win, rao_kupper_tie)]
)
def test_equal_scores_tie_with_probability_one_third(
    win: Callable[..., Tensor], tie: Callable[..., Tensor]
) -> None:
    assert probability(win(ZERO, ZERO)) == pytest.approx(1 / 3)
    assert probability(tie(ZERO, ZERO)) == pytest.approx(1 / 3)


@settings(deadline=None, max_examples=50)
@given(first=SCORES, second=SCORES, spread=st.floats(0.2, 2.0))
def test_win_loss_and_tie_sum_to_one(first: float, second: float, spread: float) -> None:
    a, b = (torch.tensor([x], dtype=torch.float64) for x in (first, second))
    davidson = [davidson_win(a, b, nu=spread), davidson_win(b, a, nu=spread)]
    davidson.append(davidson_tie(a, b, nu=spread))
    assert sum(map(probability, davidson)) == pytest.approx(1)
    kupper = [rao_kupper_win(a, b, threshold=spread), rao_kupper_win(b, a, threshold=spread)]
    kupper.append(rao_kupper_tie(a, b, threshold=spread))
    assert sum(map(probability, kupper)) == pytest.approx(1)


def test_plackett_luce_by_hand() -> None:
    scores = torch.tensor([1.0, 3.0, 2.0]).log()
    # 3 of (1, 3, 2), then 2 of (1, 2): 3/6 · 2/3
    assert probability(plackett_luce(scores, torch.tensor([3, 1, 2]))) == pytest.approx(1 / 3)
    # two share the first place, and its denominator: 3/6 · 2/6
    assert probability(plackett_luce(scores, torch.tensor([2, 1, 1]))) == pytest.approx(1 / 6)
    # the best, then two that tie for the last place: 3/6
    assert probability(plackett_luce(scores, torch.tensor([2, 1, 2]))) == pytest.approx(1 / 2)


def test_a_complete_tie_says_nothing() -> None:
    scores = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    loss = plackett_luce(scores, torch.tensor([1, 1, 1]))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None and scores.grad.tolist() == [0.0, 0.0, 0.0]


@settings(deadline=None, max_examples=50)
@given(scores=st.lists(SCORES, min_size=1, max_size=4))
def test_all_rankings_together_have_probability_one(scores: list[float]) -> None:
    tensor = torch.tensor(scores, dtype=torch.float64)
    total = sum(
        probability(plackett_luce(tensor, torch.tensor(ranks)))
        for ranks in permutations(range(1, len(scores) + 1))
    )
    assert total == pytest.approx(1)


@settings(deadline=None, max_examples=50)
@given(winner=SCORES, loser=SCORES)
def test_a_ranking_of_two_is_a_pair(winner: float, loser: float) -> None:
    scores = torch.tensor([loser, winner], dtype=torch.float64)
    ranking = plackett_luce(scores, torch.tensor([2, 1])).item()
    assert ranking == pytest.approx(bradley_terry(scores[1], scores[0]).item(), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(scores=st.lists(SCORES, min_size=2, max_size=5), shift=st.floats(-50, 50), data=st.data())
def test_neither_a_constant_nor_the_order_matters(
    scores: list[float], shift: float, data: st.DataObject
) -> None:
    tensor = torch.tensor(scores, dtype=torch.float64)
    ranks = torch.tensor(data.draw(st.lists(st.integers(1, 3), min_size=len(scores))))
    ranks = ranks[: len(scores)]
    order = torch.tensor(data.draw(st.permutations(range(len(scores)))))
    listed = plackett_luce(tensor, ranks)
    torch.testing.assert_close(plackett_luce(tensor + shift, ranks), listed)
    torch.testing.assert_close(plackett_luce(tensor[order], ranks[order]), listed)
    others = tensor.flip(0)
    for loss in (bradley_terry, davidson_win, davidson_tie, rao_kupper_win, rao_kupper_tie):
        pairs = loss(tensor, others)
        torch.testing.assert_close(loss(tensor + shift, others + shift), pairs)
        torch.testing.assert_close(loss(tensor[order], others[order]), pairs[order])


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_scores_stay_finite(size: float) -> None:
    for loss in (bradley_terry, davidson_win, davidson_tie, rao_kupper_win, rao_kupper_tie):
        scores = torch.tensor([size], requires_grad=True)
        found = loss(scores, ZERO)
        found.sum().backward()
        assert torch.isfinite(found).all()
        assert scores.grad is not None and torch.isfinite(scores.grad).all()
    ranked = torch.tensor([size, 0.0, -size], requires_grad=True)
    found = plackett_luce(ranked, torch.tensor([1, 1, 2]))
    found.backward()
    assert torch.isfinite(found)
    assert ranked.grad is not None and torch.isfinite(ranked.grad).all()


def test_a_tie_above_the_last_place_draws_its_scores_together() -> None:
    scores = torch.tensor([1.0, -1.0, 0.0], requires_grad=True)
    plackett_luce(scores, torch.tensor([1, 1, 2])).backward()
    assert scores.grad is not None
    assert scores.grad[0].item() > 0 > scores.grad[1].item()


def test_gradients_are_slopes() -> None:
    a = torch.tensor([0.3, -1.2], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.1, 2.0], dtype=torch.float64, requires_grad=True)
    pairwise = (bradley_terry, davidson_win, davidson_tie, rao_kupper_win, rao_kupper_tie)
    for loss in pairwise:
        assert gradcheck(loss, (a, b))
    assert gradcheck(
        lambda w, r: preferred(bradley_terry, w, r, margin=0.3, label_smoothing=0.1), (a, b)
    )
    scores = torch.tensor([0.4, -0.2, 1.1, 0.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda s: plackett_luce(s, torch.tensor([2, 1, 2, 4])), (scores,))


def test_the_gradient_lifts_the_winner() -> None:
    for loss in (bradley_terry, davidson_win, rao_kupper_win):
        chosen, rejected = (torch.zeros(1, requires_grad=True) for _ in range(2))
        loss(chosen, rejected).sum().backward()
        assert chosen.grad is not None and rejected.grad is not None
        assert chosen.grad.item() < 0 < rejected.grad.item()
