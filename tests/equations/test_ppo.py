"""PPO's two losses clipped by hand, and weights under which microbatches add up."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from rather.equations.advantages import whiten
from rather.equations.ppo import (
    AGGREGATIONS,
    are_near,
    importance_weights,
    policy_loss,
    token_weights,
    value_loss,
)

EVERY = torch.ones(1, 4, dtype=torch.bool)
NAN = float("nan")
LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=6).filter(any)


def prefix_mask(lengths: list[int], width: int) -> Tensor:
    return torch.arange(width)[None] < torch.tensor(lengths)[:, None]


def random_tokens(rows: int, width: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, width, generator=generator, dtype=torch.float64) for _ in range(3)]


def test_the_four_corners_of_the_clip() -> None:
    # ρ 1.5, A 1: max(−1.5, −1.2) = −1.2, clipped    ρ 1.5, A −1: max(1.5, 1.2) = 1.5
    # ρ 0.5, A 1: max(−0.5, −0.8) = −0.5             ρ 0.5, A −1: max(0.5, 0.8) = 0.8, clipped
    logprobs = torch.tensor([[1.5, 1.5, 0.5, 0.5]]).log() - 3
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    found = policy_loss(logprobs, torch.full((1, 4), -3.0), advantages, EVERY, clip_range=0.2)
    assert found.loss[0].tolist() == pytest.approx([-1.2, 1.5, -0.5, 0.8])
    assert found.clipped.tolist() == [[True, False, False, True]]
    assert found.ratio[0].tolist() == pytest.approx([1.5, 1.5, 0.5, 0.5])
    # ½·ln²1.5 and ½·ln²0.5
    expected = [0.082201, 0.082201, 0.240227, 0.240227]
    assert found.approx_kl[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_dual_clip_holds_only_what_is_bad_and_much_likelier() -> None:
    # c = 3. ρ 5, A −2: max(10, 2.4) = 10, held at 6;  ρ 5, A 2: −2.4 as ever
    # ρ 2, A −2: 4 is below 6;                         ρ 0.1, A −2: max(0.2, 1.6), clipped as ever
    logprobs = torch.tensor([[5.0, 5.0, 2.0, 0.1]]).log().requires_grad_()
    advantages = torch.tensor([[-2.0, 2.0, -2.0, -2.0]])
    found = policy_loss(
        logprobs, torch.zeros(1, 4), advantages, EVERY, clip_range=0.2, dual_clip=3.0
    )
    assert found.loss[0].tolist() == pytest.approx([6.0, -2.4, 4.0, 1.6])
    assert found.clipped.tolist() == [[True, True, False, True]]
    found.loss.sum().backward()
    assert logprobs.grad is not None
    assert logprobs.grad[0].tolist() == pytest.approx([0.0, 0.0, 4.0, 0.0])


def test_clipped_tokens_give_no_gradient() -> None:
    logprobs = torch.tensor([[1.5, 1.5, 0.5, 0.5]]).log().requires_grad_()
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    found = policy_loss(logprobs, torch.zeros(1, 4), advantages, EVERY, clip_range=0.2)
    found.loss.sum().backward()
    # −A·ρ where it is not clipped
    assert logprobs.grad is not None
    assert logprobs.grad[0].tolist() == pytest.approx([0.0, 1.5, -0.5, 0.0], abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(lengths=LENGTHS, seed=st.integers(0, 99))
def test_the_first_minibatch_has_ratio_1_and_the_loss_is_minus_the_mean_advantage(
    lengths: list[int], seed: int
) -> None:
    mask = prefix_mask(lengths, 6)
    logprobs, advantages, _ = random_tokens(len(lengths), 6, seed)
    weights = token_weights(mask, "token", max_length=6)
    found = policy_loss(logprobs, logprobs, advantages, mask, clip_range=0.2)
    assert (found.ratio == mask).all()
    assert not found.clipped.any() and not found.approx_kl.any()
    expected = -advantages[mask].mean().item()
    assert (found.loss * weights).sum().item() == pytest.approx(expected, abs=1e-6)
    white = whiten(advantages, mask, center_mean=True)
    centered = policy_loss(logprobs, logprobs, white, mask, clip_range=0.2)
    assert (centered.loss * weights).sum().item() == pytest.approx(0, abs=1e-6)


def test_what_is_masked_gives_no_loss_and_no_gradient_even_when_it_is_not_a_number() -> None:
    mask = torch.tensor([[True, False, False]])
    logprobs = torch.tensor([[0.0, 500.0, NAN]], requires_grad=True)
    old = torch.tensor([[0.0, -500.0, 0.0]])
    advantages = torch.tensor([[2.0, NAN, 3.0]])
    found = policy_loss(logprobs, old, advantages, mask, clip_range=0.2, dual_clip=3.0)
    assert found.loss.tolist() == [[-2.0, 0.0, 0.0]]
    assert found.ratio.tolist() == [[1.0, 0.0, 0.0]]
    assert found.approx_kl.tolist() == [[0.0, 0.0, 0.0]]
    assert not found.clipped.any()
    returns = torch.tensor([[1.0, NAN, 9.0]])
    value = value_loss(logprobs, old, returns, mask, value_clip_range=0.2)
    assert value.loss.tolist() == [[0.5, 0.0, 0.0]]
    assert not value.clipped.any()
    (found.loss.sum() + value.loss.sum()).backward()
    # −A·ρ = −2, and V − R = −1
    assert logprobs.grad is not None and logprobs.grad.tolist() == [[-3.0, 0.0, 0.0]]


@pytest.mark.parametrize("advantage", [1.0, -1.0, 0.0])
@pytest.mark.parametrize("difference", [1e4, -1e4])
def test_huge_differences_stay_finite(advantage: float, difference: float) -> None:
    logprobs = torch.tensor([[difference]], requires_grad=True)
    found = policy_loss(
        logprobs, torch.zeros(1, 1), torch.tensor([[advantage]]), EVERY[:, :1], clip_range=0.2
    )
    found.loss.sum().backward()
    assert logprobs.grad is not None and torch.isfinite(logprobs.grad).all()
    assert torch.isfinite(found.loss).all() and torch.isfinite(found.ratio).all()
    assert found.approx_kl.item() == 5e7


def test_a_value_may_move_by_the_clip_range_only() -> None:
    # V 1, held at 0.2, R 2: ½·max(1, 3.24) = 1.62, clipped;  V 0.1, R 1: ½·0.81 = 0.405
    # V 1, held at 0.2, R 0: ½·max(1, 0.04) = 0.5: the plain term is the larger one
    found = value_loss(
        torch.tensor([[1.0, 0.1, 1.0]]),
        torch.zeros(1, 3),
        torch.tensor([[2.0, 1.0, 0.0]]),
        EVERY[:, :3],
        value_clip_range=0.2,
    )
    assert found.loss[0].tolist() == pytest.approx([1.62, 0.405, 0.5])
    assert found.clipped.tolist() == [[True, False, False]]


def test_gradients_are_slopes() -> None:
    old = torch.tensor([[-1.0, -2.0, -3.0, -1.0]], dtype=torch.float64)
    new = (old + torch.tensor([[0.05, -0.1, math.log(2), math.log(9)]])).requires_grad_()
    advantages = torch.tensor([[1.0, -2.0, -0.5, -1.0]], dtype=torch.float64)
    for dual_clip in (None, 3.0):
        assert gradcheck(
            lambda x, c=dual_clip: (
                policy_loss(x, old, advantages, EVERY, clip_range=0.2, dual_clip=c).loss
            ),
            (new,),
        )
    assert gradcheck(
        lambda x: value_loss(x, old, advantages, EVERY, value_clip_range=0.2).loss, (new,)
    )


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("token", [[0.25, 0.0, 0.0], [0.25, 0.25, 0.25]]),  # four tokens
        ("sequence", [[0.5, 0.0, 0.0], [1 / 6, 1 / 6, 1 / 6]]),  # ½·1, ½·⅓
        ("fixed_length", [[0.1, 0.0, 0.0], [0.1, 0.1, 0.1]]),  # 1 / (2·5)
    ],
)
def test_weights_by_hand(aggregation: str, expected: list[list[float]]) -> None:
    mask = prefix_mask([1, 3], 3)
    found = token_weights(mask, aggregation, max_length=5)
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("aggregation", sorted(AGGREGATIONS))
def test_an_empty_completion_weighs_nothing(aggregation: str) -> None:
    found = token_weights(prefix_mask([0, 2], 2), aggregation, max_length=2)
    assert found[0].tolist() == [0.0, 0.0]
    assert (found[1] > 0).all()
    assert token_weights(prefix_mask([0], 2), aggregation, max_length=2).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("aggregation", sorted(AGGREGATIONS))
@settings(deadline=None, max_examples=25)
@given(lengths=LENGTHS, seed=st.integers(0, 99), data=st.data())
def test_microbatches_add_up_however_they_are_cut_ordered_and_padded(
    aggregation: str, lengths: list[int], seed: int, data: st.DataObject
) -> None:
    mask = prefix_mask(lengths, 6)
    weights = token_weights(mask, aggregation, max_length=6)
    logprobs, old, advantages = random_tokens(len(lengths), 6, seed)

    def part(rows: list[int], width: int) -> tuple[float, Tensor]:
        """Loss and gradient of some rows, cut to a width that holds their tokens."""
        leaf = logprobs.clone().requires_grad_()
        cut = [x[rows, :width] for x in (leaf, old, advantages, mask)]
        policy = policy_loss(*cut, clip_range=0.2).loss
        value = value_loss(*cut, value_clip_range=0.2).loss
        loss = ((policy + value) * weights[rows, :width]).sum()
        (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.item(), gradient

    rows = data.draw(st.permutations(range(len(lengths))))
    size = data.draw(st.integers(1, len(rows)))
    pieces = [rows[i : i + size] for i in range(0, len(rows), size)]
    parts = [part(piece, max(lengths[row] for row in piece)) for piece in pieces]
    whole, gradient = part(list(range(len(lengths))), 6)
    assert sum(loss for loss, _ in parts) == pytest.approx(whole, abs=1e-12)
    torch.testing.assert_close(sum(g for _, g in parts), gradient, rtol=0, atol=1e-14)


def test_importance_weights_by_hand() -> None:
    """π/μ: ½ as likely to the trainer, the same, 8 times as likely (held at 2), masked."""
    logprobs = torch.tensor([[math.log(0.25), -1.0, math.log(0.8), -1.0]])
    sampler = torch.tensor([[math.log(0.5), -1.0, math.log(0.1), float("-inf")]])
    mask = torch.tensor([[True, True, True, False]])
    weights = importance_weights(logprobs, sampler, mask, most=2.0)
    assert weights[0].tolist() == pytest.approx([0.5, 1.0, 2.0, 0.0])


def test_a_completion_is_near_by_the_mean_of_its_tokens() -> None:
    """Geometric means of π/μ: √(4·1) = 2, 1/√(4·1.1), 4 of the one real token, and none."""
    ratios = torch.tensor([[4.0, 1.0], [0.25, 1 / 1.1], [4.0, 0.1], [9.0, 9.0]])
    mask = torch.tensor([[True, True], [True, True], [True, False], [False, False]])
    sampler = torch.full((4, 2), -5.0)
    found = are_near(sampler + ratios.log(), sampler, mask, most=2.0 + 1e-6)
    assert found.tolist() == [True, False, False, True]
    nowhere = torch.full((1, 1), float("-inf"))
    for logprobs in (torch.zeros(1, 1), nowhere):  # inf, and what is no number
        assert not are_near(logprobs, nowhere, torch.ones(1, 1).bool(), most=2.0).any()


def test_a_token_its_sampler_gave_no_chance_stays_a_number() -> None:
    sampler = torch.tensor([[float("-inf")]])
    found = importance_weights(torch.zeros(1, 1), sampler, torch.ones(1, 1).bool(), most=2.0)
    assert found.tolist() == [[2.0]]
