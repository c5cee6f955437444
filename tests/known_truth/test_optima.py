"""The closed forms on distributions of two or three answers, worked by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from examples.known_truth import optima


def table(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


EVEN = table((0.5, 0.5)).log()


def test_the_optimum_tilts_the_reference() -> None:
    # e^{r/β} is 1 and 3, Z = ½·1 + ½·3 = 2
    rewards = table((0.0, 0.5 * math.log(3)))
    assert optima.optimal_policy(EVEN, rewards, 0.5).exp()[0].tolist() == pytest.approx(
        [0.25, 0.75]
    )
    assert optima.optimal_value(EVEN, rewards, 0.5).item() == pytest.approx(0.5 * math.log(2))


def test_divergence_by_hand() -> None:
    quarter = table((0.25, 0.75)).log()
    # ¼·ln ½ + ¾·ln 1.5 = −0.173287 + 0.304099
    assert optima.kl(quarter, EVEN).item() == pytest.approx(0.130812, abs=1e-6)
    assert optima.expectation(quarter, table((4.0, 8.0))).item() == pytest.approx(7.0)
    certain = table((1.0, 0.0)).log()
    assert optima.kl(certain, EVEN).item() == pytest.approx(math.log(2))


@given(seed=st.integers(0, 10_000), beta=st.floats(0.05, 5.0))
def test_what_a_policy_misses_is_its_divergence_from_the_optimum(seed: int, beta: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    reference, policy, rewards = torch.randn(3, 2, 7, generator=generator, dtype=torch.float64)
    reference, policy = reference.log_softmax(dim=1), policy.log_softmax(dim=1)
    best = optima.optimal_policy(reference, rewards, beta)
    missed = optima.optimal_value(reference, rewards, beta) - optima.objective(
        policy, reference, rewards, beta
    )
    assert torch.allclose(missed, beta * optima.kl(policy, best))


def test_preferences_of_scores() -> None:
    # σ(ln 3) = ¾
    found = optima.bradley_terry_preferences(table((math.log(3), 0.0)))
    assert torch.allclose(found[0], table((0.5, 0.75), (0.25, 0.5)))


def test_ipo_tilts_by_the_chance_of_winning() -> None:
    # p(y ≻ μ) is (½ + ¾)/2 = ⅝ and ⅜; the odds e^{(⅝ − ⅜)/τ} are 3 at τ = 1/(4 ln 3)
    preferences = table((0.5, 0.75), (0.25, 0.5))[None]
    found = optima.ipo_policy(EVEN, preferences, 1 / (4 * math.log(3)))
    assert found.exp()[0].tolist() == pytest.approx([0.75, 0.25])


def test_ipo_needs_no_score_behind_the_preferences() -> None:
    # rock, paper, scissors: everybody wins half of the time, so nothing is to be learnt
    preferences = table((0.5, 0.0, 1.0), (1.0, 0.5, 0.0), (0.0, 1.0, 0.5))[None]
    reference = table((0.2, 0.3, 0.5)).log()
    assert torch.allclose(optima.ipo_policy(reference, preferences, 0.1), reference)


def test_the_best_of_two_with_a_tie() -> None:
    reference, rewards = table((0.5, 0.25, 0.25)).log(), table((0.0, 1.0, 1.0))
    found = optima.best_of_n_policy(reference, rewards, 2)
    # both samples the first: ¼; what is left goes to the tied ones alike
    assert found.exp()[0].tolist() == pytest.approx([0.25, 0.375, 0.375])
    assert torch.allclose(optima.best_of_n_policy(reference, rewards, 1), reference)


def test_the_best_of_three_without_ties() -> None:
    reference, rewards = table((0.5, 0.25, 0.25)).log(), table((2.0, 0.0, 1.0))
    # F is ¼, ½, 1 in the order of rewards 0, 1, 2: cubes 1/64, 8/64, 64/64
    found = optima.best_of_n_policy(reference, rewards, 3).exp()[0] * 64
    assert found.tolist() == pytest.approx([56, 1, 7])


def test_a_penalty_in_the_loss_forgets_the_divergence_to_come() -> None:
    # after 1 comes 1 or 2, evenly in the reference; 2 stands alone. β = 1, e^r: 1, 3; 2
    completions = ((1, 1), (1, 2), (2,))
    reference = table((0.25, 0.25, 0.5)).log()
    rewards = table((0.0, math.log(3), math.log(2)))
    found = optima.kl_in_loss_policy(reference, rewards, 1.0, completions).exp()[0]
    # after 1: ½·1 against ½·3, so ¼ and ¾, worth ¾·ln 3; first token: ½·3^¾ against ½·2
    first = 3**0.75 / (3**0.75 + 2)
    assert found.tolist() == pytest.approx([first / 4, 3 * first / 4, 1 - first])
    # π* pays for the second token too, and takes 1 less often: ½·2 against ½·2, so ½
    best = optima.optimal_policy(reference, rewards, 1.0).exp()[0]
    assert best.tolist() == pytest.approx([0.125, 0.375, 0.5])


def test_of_one_token_both_penalties_are_the_same() -> None:
    reference, rewards = table((0.2, 0.3, 0.5)).log(), table((1.0, -1.0, 0.5))
    found = optima.kl_in_loss_policy(reference, rewards, 0.7, ((1,), (2,), (3,)))
    assert torch.allclose(found, optima.optimal_policy(reference, rewards, 0.7))
