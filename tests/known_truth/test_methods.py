"""PPO, RLOO, GRPO, REINFORCE++, DPO and IPO each reach the optimum that can be computed."""

import pytest
import torch

from examples.known_truth import optima
from examples.known_truth.methods import BETA, IPO_BETA, METHODS, TOLERANCE, by_kl_in_loss, compare
from examples.known_truth.world import World, random_rewards


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_method_finds_its_optimum(world: World, name: str) -> None:
    found = METHODS[name](world, random_rewards(world))
    assert found.before.min() > 0.2
    assert found.after.mean() < TOLERANCE
    # J(π*) − J(π) = β·KL(π ‖ π*): the optimal value is reached as nearly as the policy
    beta = IPO_BETA if name == "IPO" else BETA
    assert (found.best - found.value).mean() < beta * TOLERANCE
    assert (found.best >= found.value).all()


@pytest.mark.slow
def test_a_penalty_in_the_loss_settles_elsewhere(world: World) -> None:
    found = by_kl_in_loss(world, random_rewards(world))
    from_the_optimum = (found.best - found.value).mean() / BETA  # KL(π ‖ π*)
    assert found.after.mean() < 1.5 * TOLERANCE
    assert from_the_optimum > 1.5 * found.after.mean()


def test_the_optimum_of_ipo_is_another(world: World) -> None:
    """What reaches one of the two is far outside the tolerance of the other."""
    rewards = random_rewards(world)
    reference = world.logprobs(world.reference)
    preferences = optima.bradley_terry_preferences(rewards)
    ipo = optima.ipo_policy(reference, preferences, IPO_BETA)
    dpo = optima.optimal_policy(reference, rewards, BETA)
    assert optima.kl(ipo, dpo).mean() > 5 * TOLERANCE
    assert optima.kl(dpo, ipo).mean() > 5 * TOLERANCE


def test_the_optimum_and_the_reference_compare_as_they_should(world: World) -> None:
    rewards = random_rewards(world)
    reference = world.logprobs(world.reference)
    nothing_learnt = compare(world, reference, rewards, BETA)
    assert torch.equal(nothing_learnt.before, nothing_learnt.after)
    perfect = compare(world, optima.optimal_policy(reference, rewards, BETA), rewards, BETA)
    assert torch.allclose(perfect.after, torch.zeros(3).double(), atol=1e-9)
    assert torch.allclose(perfect.value, perfect.best, atol=1e-6)
