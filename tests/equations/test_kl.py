"""KL estimators, their gradients, the controllers and best-of-n, against numbers worked by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from rather.equations.kl import (
    CONTROLLERS,
    ESTIMATORS,
    adaptive_coefficient,
    best_of_n_kl,
    fixed_coefficient,
    k1,
    k2,
    k3,
)


def test_estimators_by_hand() -> None:
    logprobs = torch.tensor([-1.0, -1.0, -1.0])
    reference = logprobs - torch.tensor([math.log(2), 0.0, -math.log(2)])
    ln2 = 0.693147
    assert k1(logprobs, reference).tolist() == pytest.approx([ln2, 0.0, -ln2], abs=1e-5)
    # ½·0.480453
    assert k2(logprobs, reference).tolist() == pytest.approx([0.240227, 0, 0.240227], abs=1e-5)
    # d = ln 2: 1/2 − 1 + ln 2;  d = −ln 2: 2 − 1 − ln 2
    assert k3(logprobs, reference).tolist() == pytest.approx([0.193147, 0, 0.306853], abs=1e-5)


def test_k1_and_k3_are_unbiased_and_k2_is_not() -> None:
    # π = (1/2, 1/4, 1/4), π_ref = (1/4, 1/2, 1/4): KL = ½·ln 2 − ¼·ln 2 = 0.173287
    policy = torch.tensor([0.5, 0.25, 0.25])
    reference = torch.tensor([0.25, 0.5, 0.25])
    expected = {
        name: (policy * estimate(policy.log(), reference.log())).sum().item()
        for name, estimate in ESTIMATORS.items()
    }
    # k2: (½ + ¼)·0.240227 = 0.180170
    assert expected == pytest.approx({"k1": 0.173287, "k2": 0.180170, "k3": 0.173287}, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("k1", [0.0, 0.0]),  # Σ π·∇log π = 0
        # KL(π, π_ref) = ½·ln 2 + ½·ln ⅔ = 0.143841; its slope is π₁·(ln 2 − KL) = ½·0.549306
        ("k2", [0.274653, -0.274653]),
        ("k3", [0.25, -0.25]),  # that of KL(π_ref, π): π − π_ref
    ],
)
def test_the_mean_gradient_of_an_estimator_used_as_a_loss(name: str, expected: list[float]) -> None:
    # π = (1/2, 1/2) from logits 0, π_ref = (1/4, 3/4); the mean is over every token, exactly
    logits = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([0.25, 0.75], dtype=torch.float64).log()
    drawn = torch.tensor([0.5, 0.5], dtype=torch.float64)
    (drawn * ESTIMATORS[name](logits.log_softmax(0), reference)).sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["k1", "k2", "k3"])
def test_gradients_are_slopes(name: str) -> None:
    logprobs = torch.tensor([-0.3, -2.0, -1.0], dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([-1.1, -0.4, -1.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(ESTIMATORS[name], (logprobs, reference))


@settings(deadline=None, max_examples=50)
@given(st.floats(-30, 0), st.floats(-30, 0))
def test_k2_and_k3_are_never_negative(logprob: float, ref_logprob: float) -> None:
    pair = [torch.tensor(x, dtype=torch.float64) for x in (logprob, ref_logprob)]
    assert k2(*pair).item() >= 0
    assert k3(*pair).item() >= -1e-15


def test_k3_is_exact_near_zero_in_single_precision() -> None:
    # d = 1e-3: ½·1e-6 − 1e-9/6; 1 + d would have lost all but one digit
    found = k3(torch.tensor(1e-3), torch.tensor(0.0)).item()
    assert found == pytest.approx(4.99833e-7, rel=1e-3)


def test_huge_differences_are_not_nan() -> None:
    huge, zero = torch.tensor([1e4, -1e4]), torch.zeros(2)
    assert k1(huge, zero).tolist() == [1e4, -1e4]
    assert k2(huge, zero).tolist() == [5e7, 5e7]
    assert k3(huge, zero).tolist() == [9999.0, math.inf]


@pytest.mark.parametrize(
    ("kl", "num_episodes", "expected"),
    [
        (12.0, 512, 0.101024),  # twice the target: clipped to +0.2; 0.1·(1 + 0.2·0.0512)
        (0.0, 512, 0.098976),  # clipped to −0.2
        (5.4, 1000, 0.099),  # −10%: 0.1·(1 − 0.1·0.1)
        (6.0, 512, 0.1),
        (-3.0, 10_000, 0.08),
    ],
)
def test_the_coefficient_follows_the_kl(kl: float, num_episodes: int, expected: float) -> None:
    found = adaptive_coefficient(0.1, kl, target_kl=6.0, num_episodes=num_episodes)
    assert found == pytest.approx(expected)
    assert fixed_coefficient(0.1, kl, target_kl=6.0, num_episodes=num_episodes) == 0.1


def test_the_horizon_is_how_slowly_it_follows() -> None:
    # 0.1·(1 + 0.2·100/1000)
    found = CONTROLLERS["adaptive"](0.1, 60.0, target_kl=6.0, num_episodes=100, horizon=1000)
    assert found == pytest.approx(0.102)
    assert CONTROLLERS["fixed"](0.1, 60.0, target_kl=6.0, num_episodes=100, horizon=1000) == 0.1


@pytest.mark.parametrize(("n", "expected"), [(1, 0.0), (4, 0.636), (16, 1.835)])
def test_best_of_n(n: int, expected: float) -> None:
    assert best_of_n_kl(n) == pytest.approx(expected, abs=5e-4)
