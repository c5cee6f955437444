"""KL estimators, the adaptive coefficient and best-of-n, against numbers worked by hand."""

import math

import pytest
import torch

from rather.equations.kl import adaptive_coefficient, best_of_n_kl, k1, k3


def test_k1_is_signed_and_k3_is_not() -> None:
    logprobs = torch.tensor([-1.0, -1.0, -1.0])
    reference = logprobs - torch.tensor([math.log(2), 0.0, -math.log(2)])
    ln2 = 0.693147
    assert k1(logprobs, reference).tolist() == pytest.approx([ln2, 0.0, -ln2], abs=1e-5)
    # d = ln 2: 1/2 − 1 + ln 2;  d = −ln 2: 2 − 1 − ln 2
    assert k3(logprobs, reference).tolist() == pytest.approx([0.193147, 0, 0.306853], abs=1e-5)


def test_both_estimators_are_unbiased() -> None:
    # π = (1/2, 1/4, 1/4), π_ref = (1/4, 1/2, 1/4): KL = ½·ln 2 − ¼·ln 2 = 0.173287
    policy = torch.tensor([0.5, 0.25, 0.25])
    reference = torch.tensor([0.25, 0.5, 0.25])
    for estimate in (k1, k3):
        mean = (policy * estimate(policy.log(), reference.log())).sum().item()
        assert mean == pytest.approx(0.173287, abs=1e-6)


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


@pytest.mark.parametrize(("n", "expected"), [(1, 0.0), (4, 0.636), (16, 1.835)])
def test_best_of_n(n: int, expected: float) -> None:
    assert best_of_n_kl(n) == pytest.approx(expected, abs=5e-4)
