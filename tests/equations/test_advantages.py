"""Rewards per token, GAE, whitening and the ways without a critic, against numbers by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rather.equations.advantages import (
    gae,
    grpo,
    last_token,
    reinforce_plus_plus,
    returns_to_go,
    rloo,
    token_rewards,
    whiten,
)

NAN = float("nan")
GROUPS = st.integers(2, 5).flatmap(
    lambda n: st.lists(st.lists(st.floats(-50, 50), min_size=n, max_size=n), min_size=1, max_size=4)
)


def prefix_mask(lengths: list[int], width: int) -> Tensor:
    return torch.arange(width)[None] < torch.tensor(lengths)[:, None]


def score_at(position: int) -> Tensor:
    """The checklist's case: T = 8 and a score of 2 in one place."""
    rewards = torch.zeros(1, 8)
    rewards[0, position] = 2.0
    return rewards


def test_a_score_lies_on_the_last_real_token() -> None:
    found = last_token(torch.tensor([5.0, -4.0, 3.0, 9.0]), prefix_mask([3, 2, 1, 0], 3))
    # the last completion is empty
    assert found.tolist() == [[0.0, 0.0, 5.0], [0.0, -4.0, 0.0], [3.0, 0.0, 0.0], [0.0] * 3]


def test_the_score_lies_on_the_last_real_token_and_the_penalty_on_every_one() -> None:
    penalties = torch.tensor([[1.0, 0.0, -2.0], [0.5, -0.5, NAN]])
    found = token_rewards(
        torch.tensor([5.0, -4.0]), penalties, prefix_mask([3, 2], 3), kl_coefficient=0.1
    )
    # −0.1 times each, plus the score on the last real token
    expected = torch.tensor([[-0.1, 0.0, 0.2 + 5.0], [-0.05, 0.05 - 4.0, 0.0]])
    torch.testing.assert_close(found, expected)


def test_gae_of_one_score_at_the_end_of_the_sequence() -> None:
    # T = 8, the last real token at 4 with score 2, γ = 1, λ = 0.95, V = 0:
    # 2, then ×0.95 a step back: 1.9, 1.805, 1.71475, 1.6290125
    mask = prefix_mask([5], 8)
    rewards = token_rewards(torch.tensor([2.0]), torch.zeros(1, 8), mask, kl_coefficient=0.05)
    advantages, returns = gae(rewards, torch.zeros(1, 8), mask, discount=1.0, gae_lambda=0.95)
    expected = torch.tensor([[1.6290125, 1.71475, 1.805, 1.9, 2.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(advantages, expected)
    torch.testing.assert_close(returns, expected)


def test_gae_of_one_score_past_the_end_of_the_sequence() -> None:
    # the field's other placement: the score at 5, one past EOS, so each token has one factor more
    advantages, _ = gae(
        score_at(5), torch.zeros(1, 8), prefix_mask([6], 8), discount=1.0, gae_lambda=0.95
    )
    expected = torch.tensor([1.5475619, 1.6290125, 1.71475, 1.805, 1.9])
    torch.testing.assert_close(advantages[0, :5], expected)


def test_both_placements_agree_where_the_critic_says_the_score_past_the_end() -> None:
    values = torch.tensor([[0.3, -0.2, 0.9, 1.1, 1.4, 2.0, 0.0, 0.0]])
    ours, _ = gae(score_at(4), values, prefix_mask([5], 8), discount=1.0, gae_lambda=0.95)
    other, _ = gae(score_at(5), values, prefix_mask([6], 8), discount=1.0, gae_lambda=0.95)
    torch.testing.assert_close(ours[0, :5], other[0, :5])
    assert ours[0, 4].item() == pytest.approx(0.6)  # 2 − 1.4


def test_gae_with_values_and_a_discount() -> None:
    # γ = 0.5, λ = 0.5, r = (1, 2), V = (4, 6):
    # δ₁ = 2 + 0 − 6 = −4;  δ₀ = 1 + 0.5·6 − 4 = 0;  A₁ = −4;  A₀ = 0 + 0.25·(−4) = −1
    advantages, returns = gae(
        torch.tensor([[1.0, 2.0]]),
        torch.tensor([[4.0, 6.0]]),
        prefix_mask([2], 2),
        discount=0.5,
        gae_lambda=0.5,
    )
    assert advantages.tolist() == [[-1.0, -4.0]]
    assert returns.tolist() == [[3.0, 2.0]]


def test_left_padding_gets_no_advantage() -> None:
    # V = (·, 1, 0), r = (·, 0, 3), γ = λ = 1: A₂ = 3, A₁ = 0 + 0 − 1 + 3
    mask = torch.tensor([[False, True, True]])
    rewards, values = torch.tensor([[7.0, 0.0, 3.0]]), torch.tensor([[7.0, 1.0, 0.0]])
    advantages, returns = gae(rewards, values, mask, discount=1.0, gae_lambda=1.0)
    assert advantages.tolist() == [[0.0, 2.0, 3.0]]
    assert returns.tolist() == [[0.0, 3.0, 3.0]]


def test_returns_to_go_by_hand() -> None:
    # γ = 0.5: 4, then 2 + 0.5·4, then 1 + 0.5·4
    rewards = torch.tensor([[1.0, 2.0, 4.0, NAN]])
    found = returns_to_go(rewards, prefix_mask([3], 4), discount=0.5)
    assert found.tolist() == [[3.0, 4.0, 4.0, 0.0]]


def test_reinforce_plus_plus_normalises_over_the_whole_batch() -> None:
    # returns (1, 0) and (3): mean 4/3, variance (1/9 + 16/9 + 25/9)/3 = 14/9, std 1.247219
    rewards = torch.tensor([[1.0, 0.0], [3.0, 7.0]])
    found = reinforce_plus_plus(rewards, prefix_mask([2, 1], 2), discount=1.0)
    expected = torch.tensor([[-0.267261, -1.069045], [1.336306, 0.0]])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_rloo_by_hand() -> None:
    # the others' means are 4, 3.5 and 1.5;  of two, the other itself
    assert rloo(torch.tensor([[1.0, 2.0, 6.0]])).tolist() == [[-3.0, -1.5, 4.5]]
    assert rloo(torch.tensor([[1.0, 5.0], [3.0, 3.0]])).tolist() == [[-4.0, 4.0], [0.0, 0.0]]


def test_grpo_by_hand() -> None:
    # mean 3, (4 + 1 + 9)/2 = 7, std 2.645751 + 0.0001
    rewards = torch.tensor([[1.0, 2.0, 6.0]])
    assert grpo(rewards, scale_by_std=False).tolist() == [[-2.0, -1.0, 3.0]]
    expected = [-0.755900, -0.377950, 1.133850]
    assert grpo(rewards, scale_by_std=True)[0].tolist() == pytest.approx(expected, abs=2e-6)
    # std √2·1e-4 is no larger than what is added to it: ±1e-4 / 2.414214e-4
    tiny = torch.tensor([[0.0, 2e-4]])
    assert grpo(tiny, scale_by_std=True)[0].tolist() == pytest.approx([-0.414214, 0.414214])


@settings(deadline=None, max_examples=40)
@given(groups=GROUPS, shift=st.floats(-100, 100))
def test_a_group_sums_to_0_and_a_constant_changes_nothing(
    groups: list[list[float]], shift: float
) -> None:
    rewards = torch.tensor(groups, dtype=torch.float64)
    for advantages in (
        rloo,
        lambda r: grpo(r, scale_by_std=True),
        lambda r: grpo(r, scale_by_std=False),
    ):
        found = advantages(rewards)
        assert found.sum(dim=1).abs().max().item() < 1e-7
        torch.testing.assert_close(advantages(rewards + shift), found, atol=1e-7, rtol=0)
        torch.testing.assert_close(advantages(rewards.flip(0, 1)), found.flip(0, 1))


@pytest.mark.parametrize("scale_by_std", [True, False])
def test_a_group_of_equals_teaches_nothing(scale_by_std: bool) -> None:
    equal = torch.full((2, 4), 3.0)
    assert grpo(equal, scale_by_std=scale_by_std).tolist() == [[0.0] * 4] * 2
    assert rloo(equal).tolist() == [[0.0] * 4] * 2


def test_a_group_of_one_is_refused() -> None:
    for advantages in (rloo, lambda r: grpo(r, scale_by_std=True)):
        with pytest.raises(AssertionError):
            advantages(torch.tensor([[1.0]]))


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    padding=st.integers(1, 4),
    garbage=st.sampled_from([-9.0, 1e30, float("inf"), NAN]),
    data=st.data(),
)
def test_padding_garbage_and_order_change_nothing(
    lengths: list[int], padding: int, garbage: float, data: st.DataObject
) -> None:
    width = max(lengths)
    generator = torch.Generator().manual_seed(sum(lengths))
    draw = [torch.randn(len(lengths), width, generator=generator).double() for _ in range(2)]
    mask = prefix_mask(lengths, width)
    wide = prefix_mask(lengths, width + padding)
    order = torch.tensor(data.draw(st.permutations(range(len(lengths)))))

    def everything(rewards: Tensor, values: Tensor, mask: Tensor) -> list[Tensor]:
        return [
            *gae(rewards, values, mask, discount=0.9, gae_lambda=0.8),
            returns_to_go(rewards, mask, discount=0.9),
            reinforce_plus_plus(rewards, mask, discount=0.9),
            whiten(values, mask, center_mean=True),
            whiten(values, mask, center_mean=False),
            token_rewards(rewards[:, 0], values, mask, kl_coefficient=0.1),
        ]

    dirty = [
        torch.cat([x, torch.zeros(len(lengths), padding)], dim=1).masked_fill(~wide, garbage)
        for x in draw
    ]
    alone = everything(*draw, mask)
    padded = everything(*(x[order] for x in dirty), wide[order])
    for one, other in zip(alone, padded, strict=True):
        torch.testing.assert_close(other[:, :width], one[order])
        assert (other[~wide[order]] == 0).all()


@pytest.mark.parametrize(
    ("center_mean", "expected"),
    [
        # mean 2, biased variance 2/3, so each is divided by 0.81650
        (True, [-1.224745, 0.0, 1.224745, 0.0]),
        (False, [1.224745, 2.449490, 3.674235, 0.0]),
    ],
)
def test_whitening_by_hand(center_mean: bool, expected: list[float]) -> None:
    values = torch.tensor([[1.0, 2.0, 3.0, 100.0]])
    mask = torch.tensor([[True, True, True, False]])
    white = whiten(values, mask, center_mean=center_mean)
    torch.testing.assert_close(white, torch.tensor([expected]), atol=1e-5, rtol=0)


def test_whitening_equal_values_is_finite() -> None:
    white = whiten(torch.full((2, 3), 7.0), torch.ones(2, 3) > 0, center_mean=True)
    assert white.tolist() == [[0.0] * 3] * 2
