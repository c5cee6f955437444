"""The KL penalty a token, GAE and whitening, against numbers worked by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rather.equations.advantages import gae, kl_penalized_rewards, whiten


def test_the_score_lies_on_the_last_real_token_and_kl_on_every_one() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, -3.0], [-1.0, -1.0, 9.0]])
    reference = torch.tensor([[-2.0, -2.0, -1.0], [-1.5, -0.5, -9.0]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    rewards = kl_penalized_rewards(
        torch.tensor([5.0, -4.0]), logprobs, reference, mask, kl_coefficient=0.1
    )
    # differences 1, 0, −2 and 0.5, −0.5: −0.1 times each, plus the score on the last real token
    expected = torch.tensor([[-0.1, 0.0, 0.2 + 5.0], [-0.05, 0.05 - 4.0, 0.0]])
    torch.testing.assert_close(rewards, expected)


def test_gae_of_one_score_at_the_end_of_the_sequence() -> None:
    # T = 8, the last real token at 4 with score 2, γ = 1, λ = 0.95, V = 0:
    # 2, then ×0.95 a step back: 1.9, 1.805, 1.71475, 1.6290125
    rewards = torch.zeros(1, 8)
    rewards[0, 4] = 2.0
    mask = torch.arange(8)[None] <= 4
    advantages, returns = gae(rewards, torch.zeros(1, 8), mask, discount=1.0, gae_lambda=0.95)
    expected = torch.tensor([[1.6290125, 1.71475, 1.805, 1.9, 2.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(advantages, expected)
    torch.testing.assert_close(returns, expected)


def test_gae_with_values_and_a_discount() -> None:
    # γ = 0.5, λ = 0.5, r = (1, 2), V = (4, 6):
    # δ₁ = 2 + 0 − 6 = −4;  δ₀ = 1 + 0.5·6 − 4 = 0;  A₁ = −4;  A₀ = 0 + 0.25·(−4) = −1
    advantages, returns = gae(
        torch.tensor([[1.0, 2.0]]),
        torch.tensor([[4.0, 6.0]]),
        torch.ones(1, 2, dtype=torch.bool),
        discount=0.5,
        gae_lambda=0.5,
    )
    assert advantages.tolist() == [[-1.0, -4.0]]
    assert returns.tolist() == [[3.0, 2.0]]


@settings(deadline=None, max_examples=30)
@given(
    rewards=st.lists(st.floats(-3, 3), min_size=1, max_size=6),
    padding=st.integers(0, 4),
    garbage=st.floats(-9, 9),
)
def test_what_is_masked_changes_no_advantage(
    rewards: list[float], padding: int, garbage: float
) -> None:
    real = len(rewards)
    short = torch.tensor([rewards], dtype=torch.float64)
    values = torch.linspace(-1, 1, real, dtype=torch.float64)[None]
    alone, _ = gae(short, values, torch.ones(1, real) > 0, discount=0.9, gae_lambda=0.8)
    tail = torch.full((1, padding), garbage, dtype=torch.float64)
    mask = torch.arange(real + padding)[None] < real
    padded, returns = gae(
        torch.cat([short, tail], dim=1),
        torch.cat([values, tail], dim=1),
        mask,
        discount=0.9,
        gae_lambda=0.8,
    )
    torch.testing.assert_close(padded[:, :real], alone)
    assert padded[:, real:].abs().sum() == 0
    assert returns[:, real:].abs().sum() == 0


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
